"""One crawl from its beginning, or from where an earlier run stopped, to its end."""

import contextlib
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from extract.hub.batches import Batches
from extract.hub.configs import crawl_configs
from extract.hub.display import Display
from extract.hub.due import DueConfigs
from extract.hub.errors import HubError
from extract.hub.hub import Hub
from extract.hub.listing import crawl_listing
from extract.hub.lookups import crawl_ids
from extract.hub.records import Crawl, Outcome
from extract.hub.scope import Scope, read_ids
from extract.hub.session import session
from extract.hub.state import State
from extract.hub.summary import Summary
from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings

#: A listing that was stopped is gone on with for so long; an older one is no picture of the Hub.
_LISTING_LASTS = timedelta(days=1)


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


def crawl(settings: Settings, hub: Hub, scope: Scope, options: Options) -> Summary:
    """Crawl a scope: listing, what is gone, configs; land what is new.

    What was done before an error, or a stop, is kept and landed.

    Raises:
        HubError: the Hub does not answer or refuses; another crawl is running.
        StorageError: the data folder cannot be written.
    """
    with _run(settings, hub, options) as run:
        crawl = run.state.begin(scope.key, options.is_fresh)
        run.find(crawl, scope)
        run.fetch(DueConfigs(run.state.db, crawl.number))
        run.batches.land_all()
        run.state.finish(crawl)
    return run.summary


def list_models(settings: Settings, hub: Hub, scope: Scope, options: Options) -> Summary:
    """Do a crawl's first part: listing, and what is gone. `fetch_configs` does the other.

    A listing that was stopped within the last day is gone on with, and one whose configs are not
    all there yet is not made again within a day, unless `options.is_fresh`.

    Raises:
        HubError: as `crawl`.
        StorageError: as `crawl`.
    """
    with _run(settings, hub, options) as run:
        since = (datetime.now(UTC) - _LISTING_LASTS).isoformat()
        crawl = run.state.begin(scope.key, options.is_fresh, since)
        run.find(crawl, scope)
        run.batches.land_all()
        run.finish_if_done(crawl)
    return run.summary


def fetch_configs(settings: Settings, hub: Hub, bucket: str, options: Options) -> Summary:
    """Fetch the configs that the newest whole listing left due, of one of `BUCKETS`.

    Raises:
        HubError: as `crawl`; nothing was listed yet.
        StorageError: as `crawl`.
    """
    with _run(settings, hub, options) as run:
        crawl = run.state.newest_listed()
        if crawl is None:
            raise HubError("No models are listed yet: run `make refresh`, or the job `refresh`.")
        run.fetch(DueConfigs(run.state.db, crawl.number, bucket))
        run.batches.land_all()
        run.finish_if_done(crawl)
    return run.summary


@contextlib.contextmanager
def _run(settings: Settings, hub: Hub, options: Options) -> Iterator["_Run"]:
    """Land what was done even if the block fails, and sum up."""
    start = time.monotonic()
    with session(settings, hub) as (state, batches):
        run = _Run(hub, state, batches, options)
        try:
            yield run
        except (ModelstrataError, KeyboardInterrupt):
            batches.land_all()
            raise
    run.summary.close(hub, batches, time.monotonic() - start)


class _Run:
    """The parts of one run."""

    def __init__(self, hub: Hub, state: State, batches: Batches, options: Options) -> None:
        self.hub, self.state, self.batches, self.options = hub, state, batches, options
        self.summary = Summary()
        self.display = Display()

    def find(self, crawl: Crawl, scope: Scope) -> None:
        """List what is left to list, and ask what became of models that are not listed any more."""
        self.summary.is_resumed = crawl.is_resumed
        if not crawl.is_listed:
            if scope.ids_file is not None:
                self._list_ids(crawl, read_ids(scope.ids_file)[: scope.limit])
            else:
                self._list(crawl, scope)
            if self.options.retry_gated:
                self.state.retry_gated(crawl)
        if scope.is_closed:
            self._look_for_unseen(crawl, scope)
        self.summary.models = crawl.models
        self.state.end_search(crawl, scope)

    def finish_if_done(self, crawl: Crawl) -> None:
        """Note that the crawl is over if no config is due any more."""
        due = DueConfigs(self.state.db, crawl.number)
        self.summary.due = due.count()
        if not self.summary.due:
            self.state.finish(crawl)

    def _list(self, crawl: Crawl, scope: Scope) -> None:
        earlier = self.state.earlier_models(scope.key)
        pages = None if earlier is None else -(-earlier // scope.page_size)
        gate = self.hub.gates["api"]
        # One page after the other is slow enough.
        gate.wanted = 0
        with self.display.phase("listing", "pages", pages, gate, crawl.pages) as phase:

            def after_page(news: Counter[str]) -> None:
                self.summary.news.update(news)
                words = f"{crawl.models:,} models, {self.summary.landing:,} new or changed"
                phase.advance(1, words)
                self.display.show(phase)
                self.batches.land_full()

            refresh = self.options.refresh_counts_s
            crawl_listing(self.hub, self.state, crawl, scope, refresh, after_page)

    def _list_ids(self, crawl: Crawl, ids: list[str]) -> None:
        self.hub.gates["api"].wanted = len(ids)
        with self.display.phase("models", "models", len(ids), self.hub.gates["api"]) as phase:

            def after_model(news: str) -> None:
                self.summary.news[news] += 1
                phase.advance(1, "")
                self.display.show(phase)
                if phase.done % 1000 == 0:
                    self.batches.land_full()

            refresh = self.options.refresh_counts_s
            threads = self.options.threads
            crawl_ids(self.hub, self.state, crawl, ids, threads, refresh, after_model)
        self.state.end_listing(crawl, len(ids))

    def _look_for_unseen(self, crawl: Crawl, scope: Scope) -> None:
        """Ask what became of known models that the listing does not show any more."""
        where = (crawl, scope.author, scope.pipeline_tag)
        total = self.state.count_unseen(*where)
        if not total:
            return
        self.hub.gates["api"].wanted = total
        with self.display.phase("not listed", "models", total, self.hub.gates["api"]) as phase:

            def after_model(news: str) -> None:
                self.summary.news[news] += 1
                phase.advance(1, "")
                self.display.show(phase)

            refresh = self.options.refresh_counts_s
            threads = self.options.threads
            ids = self.state.unseen(*where)
            crawl_ids(self.hub, self.state, crawl, ids, threads, refresh, after_model)

    def fetch(self, configs: DueConfigs) -> None:
        """Ask for the configs that are due."""
        total = configs.count()
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
                self.hub, self.state, self.batches, configs,
                options.threads, options.seed, after_config,
            )  # fmt: skip
