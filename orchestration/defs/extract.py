"""Assets of the landing zone's raw tables."""

from collections.abc import Iterator

import dagster as dg

from modelstrata.landing_schema import RAW_TABLES
from modelstrata.settings import Settings
from orchestration.failures import clear_failures

_SPECS = [
    dg.AssetSpec(["landing", table], group_name="extract", kinds={"parquet"})
    for table in RAW_TABLES
]


@dg.multi_asset(specs=_SPECS, name="land_snapshot")
def landed_snapshot(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Land the embedded snapshot; what is there already stays as it is."""
    from extract.land_snapshot import land_snapshot

    settings = Settings()
    with clear_failures(settings):
        added = land_snapshot(settings.landing)
    for table, is_new in added.items():
        batches = len(list((settings.landing / table).glob("*.parquet"))) - 1
        yield dg.MaterializeResult(
            asset_key=["landing", table],
            metadata={"snapshot_added": is_new, "batches": batches},
        )
