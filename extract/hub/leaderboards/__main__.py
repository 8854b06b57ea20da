"""Land the leaderboards: two archived ones of the Hub, BigCodeBench, and the Hub's benchmarks."""

import argparse
import sys
from collections.abc import Callable

from extract.hub.batches import Batches
from extract.hub.crawl import crawl_lock, open_state
from extract.hub.errors import Stopped
from extract.hub.hub import Hub
from extract.hub.leaderboards import bigcodebench, hub_benchmarks, open_llm_v1, open_llm_v2
from extract.hub.state import State
from modelstrata.errors import ModelstrataError
from modelstrata.landing import prepare
from modelstrata.settings import HubSettings, Settings

Land = Callable[[Hub, State, Batches], str]
SOURCES: dict[str, Land] = {
    "open-llm-v1": lambda hub, state, batches: open_llm_v1.land(hub, state, batches, threads=16),
    "open-llm-v2": open_llm_v2.land,
    "bigcodebench": bigcodebench.land,
    "hub-benchmarks": hub_benchmarks.land,
}


def land_leaderboards(
    settings: Settings, hub: Hub, sources: dict[str, Land]
) -> dict[str, str | ModelstrataError]:
    """Land each source by itself; one that fails stops no other.

    Returns:
        For each source what it did, or why it failed.

    Raises:
        HubError: another crawl is running, or the state is another Hub's.
        Stopped: it was asked to stop.
        StorageError: the data folder cannot be written.
    """
    told: dict[str, str | ModelstrataError] = {}
    with crawl_lock(settings):
        prepare(settings.landing)
        state = open_state(settings, hub)
        try:
            batches = Batches(state, settings.landing)
            for name, land in sources.items():
                try:
                    told[name] = land(hub, state, batches)
                except Stopped:
                    raise
                except ModelstrataError as error:
                    told[name] = error
        finally:
            state.close()
    return told


def main(arguments: list[str] | None = None) -> int:
    """Land what was asked for; return 0, 1 if a source failed, or 130 when stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m extract.hub.leaderboards",
        description=__doc__,
        epilog="Environment: HF_TOKEN, HF_ENDPOINT, MODELSTRATA_DATA. Only what has changed since "
        "the last time is asked for and lands.",
    )
    parser.add_argument(
        "--only", choices=list(SOURCES), nargs="+", default=list(SOURCES), help="these sources"
    )
    parser.add_argument(
        "--bigcodebench", default=bigcodebench.SITE, metavar="URL",
        help=f"the site with results.json and results-hard.json (default {bigcodebench.SITE})",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=float, default=600.0, metavar="SECONDS",
        help="give up when the Hub has not answered for so long (default 600)",
    )  # fmt: skip
    args = parser.parse_args(arguments)
    site = args.bigcodebench.rstrip("/")
    sources = {name: land for name, land in SOURCES.items() if name in args.only}
    if "bigcodebench" in sources:
        sources["bigcodebench"] = lambda hub, state, batches: bigcodebench.land(
            hub, state, batches, site
        )
    try:
        settings, hub_settings = Settings(), HubSettings.read()
        token = hub_settings.token.get_secret_value()
        hub = Hub(hub_settings.endpoint, token, args.patience)
        hub.stop_on_signals()
        told = land_leaderboards(settings, hub, sources)
    except (Stopped, KeyboardInterrupt):
        print(Stopped(), file=sys.stderr)
        return 130
    except ModelstrataError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    for name, said in told.items():
        failed = isinstance(said, ModelstrataError)
        line = f"{name}: {'error: ' if failed else ''}{' '.join(str(said).split())}"
        print(line, file=sys.stderr if failed else sys.stdout)
    return int(any(isinstance(said, ModelstrataError) for said in told.values()))


if __name__ == "__main__":
    sys.exit(main())
