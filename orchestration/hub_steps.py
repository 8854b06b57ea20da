"""What steps that ask the Hub have in common: the pool, retries, stopping, and what they tell."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import Field

from modelstrata.settings import Settings
from orchestration.failures import clear_failures
from orchestration.runs import COMMAND, process_tag

if TYPE_CHECKING:
    from extract.hub.crawl import Options
    from extract.hub.hub import Hub
    from extract.hub.scope import Scope
    from extract.hub.summary import Summary

#: One crawl at a time spends the token's rate; `dagster.yaml` gives every pool one place.
POOL = "hub"
#: Seconds to wait before the next try, after an outage that outlasts a crawl's own patience, or
#: when somebody crawls by hand. (A retry policy of Dagster's would also retry what was stopped.)
_WAITS_S = (300, 600, 1200)
#: The schedule is weekly; a day's delay is none, and two weeks are a refresh that was missed.
WEEKLY = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(days=8), fail_window=timedelta(days=15)
)


class HubConfig(dg.Config):
    """How the Hub is asked. The token is not here: it comes from the environment alone."""

    patience_s: float = Field(
        default=600.0, gt=0, description="Give up when the Hub has not answered for so long."
    )
    threads: int = Field(default=32, ge=1, description="Requests at the same time at most.")

    def options(self) -> "Options":
        """Return how a crawl is done."""
        from extract.hub.crawl import Options

        return Options(threads=self.threads)


class ListingConfig(HubConfig):
    """What is listed; by default what MODELSTRATA_HUB_SCOPE says."""

    text_generation: bool | None = Field(
        default=None, description="Only models of text generation, or of every task."
    )
    author: str | None = Field(default=None, description="Only models of this user.")
    since: str | None = Field(
        default=None, description="Only models modified on or after this day, such as 2026-11-01."
    )
    min_downloads: int | None = Field(
        default=None, description="Only models with at least so many downloads in 30 days."
    )
    limit: int | None = Field(default=None, description="Stop after so many models.")
    models_list: str | None = Field(
        default=None, description="A file with one model id a line, in place of a listing."
    )
    is_fresh: bool = Field(
        default=False, description="List anew although a listing of today is not worked off."
    )
    retry_gated: bool = Field(
        default=False, description="Ask for the configs of gated models again."
    )

    def options(self) -> "Options":
        """Return how a crawl is done."""
        from extract.hub.crawl import Options

        return Options(self.threads, is_fresh=self.is_fresh, retry_gated=self.retry_gated)

    def scope(self, settings: Settings) -> "Scope":
        """Return what is listed.

        Raises:
            HubError: a part of it cannot be meant.
        """
        from extract.hub.scope import Scope, parse_day

        is_text = self.text_generation
        if is_text is None:
            is_text = settings.hub_scope == "text-generation" and self.models_list is None
        return Scope(
            pipeline_tag="text-generation" if is_text else None,
            author=self.author,
            since=parse_day(self.since) if self.since else None,
            min_downloads=self.min_downloads,
            limit=self.limit,
            ids_file=Path(self.models_list).expanduser().resolve() if self.models_list else None,
        )


@contextmanager
def hub_step(
    context: dg.AssetExecutionContext, config: HubConfig
) -> "Iterator[tuple[Settings, Hub]]":
    """Give the settings and the Hub; fail clearly, stop cleanly, retry where that may help."""
    from extract.hub.command import connect
    from extract.hub.errors import CrawlInProgress, HubDown, Stopped

    settings = Settings()
    context.instance.add_run_tags(context.run.run_id, process_tag())
    try:
        with clear_failures(settings):
            hub = connect(config.patience_s)
            with _signals(hub):
                yield settings, hub
    except dg.Failure as failure:
        if isinstance(failure.__cause__, Stopped):
            run = context.instance.get_run_by_id(context.run.run_id)
            if run is not None and run.status is dg.DagsterRunStatus.STARTED:
                context.instance.report_run_canceling(run)
            raise dg.DagsterExecutionInterruptedError from None
        tries = context.op_execution_context.retry_number
        may_pass = isinstance(failure.__cause__, HubDown | CrawlInProgress)
        # Who waits at a terminal is told at once.
        if not may_pass or COMMAND in context.run.tags or tries >= len(_WAITS_S):
            raise
        context.log.warning(failure.description)
        raise dg.RetryRequested(len(_WAITS_S), _WAITS_S[tries]) from failure


@contextmanager
def _signals(hub: "Hub") -> Iterator[None]:
    """Let signals stop the crawl, as long as the block runs, where Python permits it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    hub.stop_on_signals()
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def told(summary: "Summary") -> dict[str, int | float]:
    """Return the numbers of a crawl, which Dagster plots over its runs."""
    return {
        "failed": summary.failed,
        "requests": sum(summary.requests.values()),
        "refused": sum(summary.refused.values()),
        "rows_landed": sum(summary.landed.values()),
        "seconds": round(summary.seconds, 3),
    }
