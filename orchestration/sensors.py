"""The sensor that goes on after a listing: configs part by part, then one build."""

import hashlib

import dagster as dg

from modelstrata.landing import batches
from modelstrata.settings import Settings
from orchestration import jobs
from orchestration.defs.hub import LISTING
from orchestration.runs import COMMAND, end_dead_runs

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def new_batches(settings: Settings) -> list[str]:
    """List `<table>/<batch>` of every batch that the published warehouse was not built from."""
    from orchestration.warehouse import published_batches

    known = {f"{b.table}/{b.name}" for b in published_batches(settings)}
    return sorted({f"{t}/{path.stem}" for t, path in batches(settings.landing)} - known)


def new_listing(instance: dg.DagsterInstance, known: str | None) -> str | None:
    """Return the run of the newest listing, unless it is the known one.

    A listing of `make refresh` is left out, because that command fetches the configs itself.
    """
    event = instance.get_latest_materialization_event(LISTING)
    if event is None or event.run_id == known:
        return None
    run = instance.get_run_by_id(event.run_id)
    return None if run is not None and COMMAND in run.tags else event.run_id


def crawl_under_way(instance: dg.DagsterInstance, settings: Settings) -> str | None:
    """Say which crawl is under way, started by Dagster or from a command line, or None."""
    from extract.hub.session import is_crawling

    crawls = dg.RunsFilter(tags={jobs.CRAWLS: "hub"}, statuses=_UNDER_WAY)
    runs = instance.get_runs(crawls)
    if runs:
        return f"{len(runs)} runs of a crawl are under way"
    return f"A crawl is running on {settings.crawl}" if is_crawling(settings) else None


def study_under_way(instance: dg.DagsterInstance) -> str | None:
    """Say how much of a regression study is under way, or None."""
    runs = [
        run
        for kind in ("forward", "inverse")
        for run in instance.get_runs(dg.RunsFilter(tags={jobs.STUDIES: kind}, statuses=_UNDER_WAY))
    ]
    return f"{len(runs)} runs of the regression study are under way" if runs else None


@dg.sensor(
    name="landing_sensor",
    jobs=[jobs.build, jobs.hub_configs],
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def landing_sensor(
    context: dg.SensorEvaluationContext,
) -> list[dg.RunRequest] | dg.RunRequest | dg.SkipReason:
    """After a listing, fetch what it left due; build what has landed when nothing is under way.

    It is one sensor, so that no build slips in between a listing and its configs.
    """
    from extract.hub.due import due_by_bucket

    settings = Settings()
    end_dead_runs(context.instance)
    listing = new_listing(context.instance, context.cursor)
    if listing is not None:
        context.update_cursor(listing)
        if due := due_by_bucket(settings):
            name = jobs.hub_configs.name
            return [
                dg.RunRequest(run_key=f"{listing}/{bucket}", job_name=name, partition_key=bucket)
                for bucket in due
            ]
    if crawl := crawl_under_way(context.instance, settings):
        return dg.SkipReason(f"{crawl}: the build waits until it ends.")
    if study := study_under_way(context.instance):
        return dg.SkipReason(f"{study}: the build waits until they end.")
    new = new_batches(settings)
    if not new:
        return dg.SkipReason("Every landed batch is in the published warehouse.")
    key = hashlib.sha256("\n".join(new).encode()).hexdigest()
    return dg.RunRequest(run_key=key, job_name=jobs.build.name)
