"""One crawl from its beginning, or from where an earlier run stopped, to its end."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from extract.hub.batches import Batches
from extract.hub.configs import crawl_configs
from extract.hub.display import Display
from extract.hub.errors import HubError
from extract.hub.hub import Hub
from extract.hub.listing import crawl_listing
from extract.hub.lookups import crawl_ids
from extract.hub.records import Crawl, Outcome
from extract.hub.scope import Scope, read_ids
from extract.hub.state import State
from modelstrata.errors import ModelstrataError, storage_errors
from modelstrata.landing import prepare
from modelstrata.settings import Settings


@dataclass(frozen=True)
class Options:
    """How a crawl is done.

    Attributes:
        threads: requests at the same time.
        refresh_counts_s: a model of which only downloads and likes moved lands again if it landed
            longer ago than this, in seconds.
        is_fresh: begin anew although a crawl of the same scope was stopped.
        retry_gated: ask for the configs of gated models again.
        seed: of the random part of waits.
    """

    threads: int = 32
    refresh_counts_s: float = 7 * 86_400.0
    is_fresh: bool = False
    retry_gated: bool = False
    seed: int = 0


@dataclass
class Summary:
    """What a run did.

    Attributes:
        is_resumed: whether it went on with a crawl that was stopped.
        models: models that the crawl has listed in all.
        changed: of them new or changed, in this run.
        absent: ids found to lead nowhere, or elsewhere, in this run.
        outcomes: configs asked for in this run, by status; `again` are tries that will be repeated.
        landed: rows by landing table.
        requests: requests sent, by bucket.
        refused: requests refused for the rate limit, by bucket.
        windows: (permits used, permits) of each whole window, by bucket.
    """

    is_resumed: bool = False
    models: int = 0
    changed: int = 0
    absent: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    landed: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    windows: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        configs = ", ".join(f"{n:,} {status}" for status, n in sorted(self.outcomes.items()))
        landed = ", ".join(f"{table} {rows:,}" for table, rows in self.landed.items() if rows)
        requests = ", ".join(f"{n:,} {bucket}" for bucket, n in self.requests.items())
        said = [
            f"models: {self.models:,} listed, {self.changed:,} new or changed, "
            f"{self.absent:,} gone or renamed",
            f"configs: {configs or 'none to ask for'}",
            f"rows landed: {landed or 'none'}",
            f"requests: {requests}; refused: {sum(self.refused.values()):,}",
        ]
        for bucket, windows in self.windows.items():
            if windows:
                share = sum(used for used, _ in windows) / sum(quota for _, quota in windows)
                count = f"{len(windows)} whole window{'s' if len(windows) > 1 else ''}"
                said.append(f"{bucket}: {share:.1%} of the permitted rate over {count}")
        return said


@contextlib.contextmanager
def crawl_lock(settings: Settings) -> Iterator[None]:
    """Hold the crawl folder's lock.

    Raises:
        HubError: another crawl holds it.
    """
    with storage_errors(settings.crawl):
        settings.crawl.mkdir(parents=True, exist_ok=True)
    lock = FileLock(settings.crawl / ".lock")
    try:
        lock.acquire(timeout=settings.lock_timeout)
    except Timeout as error:
        raise HubError(
            f"Another crawl is running on {settings.crawl}: wait for it, set "
            "MODELSTRATA_LOCK_TIMEOUT, or set MODELSTRATA_DATA to another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def open_state(settings: Settings, hub: Hub) -> State:
    """Open the state of crawls of a Hub.

    Raises:
        HubError: it is that of another Hub.
        StorageError: it cannot be written.
    """
    return State(settings.crawl, urlsplit(hub.endpoint).hostname or "")


def crawl(settings: Settings, hub: Hub, scope: Scope, options: Options) -> Summary:
    """Crawl a scope: listing, what is gone, configs; land what is new.

    What was done before an error, or a stop, is kept and landed.

    Raises:
        HubError: the Hub does not answer or refuses; another crawl is running.
        StorageError: the data folder cannot be written.
    """
    summary = Summary()
    with crawl_lock(settings):
        prepare(settings.landing)
        state = open_state(settings, hub)
        try:
            batches = Batches(state, settings.landing)
            run = _Run(hub, state, batches, scope, options, summary)
            try:
                run.whole()
            except (ModelstrataError, KeyboardInterrupt):
                batches.land_all()
                raise
        finally:
            state.close()
    summary.landed = batches.landed
    summary.requests = {bucket: gate.sent for bucket, gate in hub.gates.items()}
    summary.refused = {bucket: gate.refused for bucket, gate in hub.gates.items()}
    summary.windows = {bucket: gate.windows for bucket, gate in hub.gates.items()}
    return summary


class _Run:
    """The phases of one run."""

    def __init__(
        self,
        hub: Hub,
        state: State,
        batches: Batches,
        scope: Scope,
        options: Options,
        summary: Summary,
    ) -> None:
        self.hub, self.state, self.batches = hub, state, batches
        self.scope, self.options, self.summary = scope, options, summary
        self.display = Display()

    def whole(self) -> None:
        """Do what is left of the crawl."""
        crawl = self.state.begin(self.scope.key, self.options.is_fresh)
        self.summary.is_resumed = crawl.is_resumed
        if not crawl.is_listed:
            if self.scope.ids_file is not None:
                self._list_ids(crawl, self.scope.ids_file)
            else:
                self._list(crawl)
            if self.options.retry_gated:
                self.state.retry_gated(crawl)
        if self.scope.is_closed:
            self._look_for_unseen(crawl)
        self.summary.models = crawl.models
        self._fetch(crawl)
        self.batches.land_all()
        self.state.finish(crawl, self.scope)
        self.batches.land_all()

    def _list(self, crawl: Crawl) -> None:
        earlier = self.state.earlier_models(self.scope.key)
        pages = None if earlier is None else -(-earlier // self.scope.page_size)
        gate = self.hub.gates["api"]
        # One page after the other is slow enough.
        gate.wanted = 0
        with self.display.phase("listing", "pages", pages, gate, crawl.pages) as phase:

            def after_page(models: int, changed: int) -> None:
                self.summary.changed += changed
                words = f"{crawl.models:,} models, {self.summary.changed:,} new or changed"
                phase.advance(1, words)
                self.display.show(phase)
                self.batches.land_full()

            refresh = self.options.refresh_counts_s
            crawl_listing(self.hub, self.state, crawl, self.scope, refresh, after_page)

    def _list_ids(self, crawl: Crawl, path: Path) -> None:
        ids = read_ids(path)[: self.scope.limit]
        self.hub.gates["api"].wanted = len(ids)
        with self.display.phase("models", "models", len(ids), self.hub.gates["api"]) as phase:

            def after_model(is_new: bool) -> None:
                self.summary.changed += is_new
                phase.advance(1, "")
                self.display.show(phase)
                if phase.done % 1000 == 0:
                    self.batches.land_full()

            refresh = self.options.refresh_counts_s
            threads = self.options.threads
            crawl_ids(self.hub, self.state, crawl, ids, threads, refresh, after_model)
        self.state.end_listing(crawl, len(ids))

    def _look_for_unseen(self, crawl: Crawl) -> None:
        """Ask what became of known models that the listing does not show any more."""
        where = (crawl, self.scope.author, self.scope.pipeline_tag)
        total = self.state.count_unseen(*where)
        if not total:
            return
        self.hub.gates["api"].wanted = total
        with self.display.phase("not listed", "models", total, self.hub.gates["api"]) as phase:

            def after_model(is_new: bool) -> None:
                self.summary.absent += is_new
                phase.advance(1, "")
                self.display.show(phase)

            refresh = self.options.refresh_counts_s
            threads = self.options.threads
            ids = self.state.unseen(*where)
            crawl_ids(self.hub, self.state, crawl, ids, threads, refresh, after_model)

    def _fetch(self, crawl: Crawl) -> None:
        total = self.state.count_due(crawl)
        if not total:
            return
        gate = self.hub.gates["resolvers"]
        gate.wanted = total
        with self.display.phase("configs", "configs", total, gate) as phase:

            def after_config(outcome: Outcome | None, is_done: bool) -> None:
                if outcome is not None:
                    self.summary.outcomes[outcome.status if is_done else "again"] += 1
                    others = sum(self.summary.outcomes.values()) - self.summary.outcomes["ok"]
                    phase.advance(int(is_done), f"{others:,} not ok" if others else "")
                gate.wanted = total - phase.done
                self.display.show(phase)

            options = self.options
            crawl_configs(
                self.hub, self.state, self.batches, crawl,
                options.threads, options.seed, after_config,
            )  # fmt: skip
