"""The sensor that builds when batches have landed since the last publication."""

import hashlib

import dagster as dg

from modelstrata.landing import batches
from modelstrata.settings import Settings


def new_batches(settings: Settings) -> list[str]:
    """List `<table>/<batch>` of every batch that the published warehouse was not built from."""
    from orchestration.warehouse import published_batches

    known = {f"{b.table}/{b.name}" for b in published_batches(settings)}
    return sorted({f"{t}/{path.stem}" for t, path in batches(settings.landing)} - known)


@dg.sensor(
    job_name="build",
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
)
def landing_sensor() -> dg.RunRequest | dg.SkipReason:
    """Start a build when a batch has landed; layer results enter the marts without a hand."""
    new = new_batches(Settings())
    if not new:
        return dg.SkipReason("Every landed batch is in the published warehouse.")
    return dg.RunRequest(run_key=hashlib.sha256("\n".join(new).encode()).hexdigest())
