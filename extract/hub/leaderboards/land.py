"""All leaderboards, each by itself: one that fails stops no other."""

import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from extract.hub.batches import Batches
from extract.hub.errors import Stopped
from extract.hub.hub import Hub
from extract.hub.leaderboards import bigcodebench, hub_benchmarks, open_llm_v1, open_llm_v2
from extract.hub.session import session
from extract.hub.state import State
from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings

_THREADS = 16
#: What lands each source; the text is BigCodeBench's address.
SOURCES: dict[str, Callable[[Hub, State, Batches, str], str]] = {
    "open-llm-v1": lambda hub, state, batches, _: open_llm_v1.land(hub, state, batches, _THREADS),
    "open-llm-v2": lambda hub, state, batches, _: open_llm_v2.land(hub, state, batches),
    "bigcodebench": bigcodebench.land,
    "hub-benchmarks": lambda hub, state, batches, _: hub_benchmarks.land(hub, state, batches),
}


@dataclass(frozen=True)
class Landed:
    """What came of one source.

    Attributes:
        source: its name.
        said: what it did, in words; empty if it failed.
        error: why it failed, or None.
        requests: requests sent to the Hub.
        seconds: how long it took.
    """

    source: str
    said: str
    error: ModelstrataError | None
    requests: int
    seconds: float


def land_leaderboards(
    settings: Settings, hub: Hub, sources: Collection[str] = tuple(SOURCES), site: str = ""
) -> Iterator[Landed]:
    """Land each source by itself and yield what came of it.

    Args:
        settings: where the data lie.
        hub: whom to ask.
        sources: names of `SOURCES`.
        site: BigCodeBench's web site; by default that of the settings.

    Raises:
        CrawlInProgress: another crawl is running.
        HubError: the state is another Hub's.
        Stopped: it was asked to stop.
        StorageError: the data folder cannot be written.
    """
    site = (site or settings.bigcodebench_site).rstrip("/")
    with session(settings, hub) as (state, batches):
        for source in sources:
            start, asked = time.monotonic(), _requests(hub)
            said, failure = "", None
            try:
                said = SOURCES[source](hub, state, batches, site)
            except Stopped:
                raise
            except ModelstrataError as error:
                failure = error
            yield Landed(source, said, failure, _requests(hub) - asked, time.monotonic() - start)


def _requests(hub: Hub) -> int:
    return sum(gate.sent for gate in hub.gates.values())
