"""Assets of the landing zone's raw tables."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from modelstrata.landing_schema import CRAWLED_TABLES, RAW_TABLES
from modelstrata.settings import Settings
from orchestration.dbt_cli import manifest
from orchestration.defs.hub import BROUGHT_BY
from orchestration.failures import clear_failures
from orchestration.freshness import freshness, limited_tables


def _spec(table: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        ["landing", table], group_name="extract", kinds={"parquet"}, deps=BROUGHT_BY.get(table, [])
    )


_SPECS = [_spec(table) for table in RAW_TABLES]
#: Empty until a crawl; the snapshot has nothing of them.
CRAWLED = [_spec(table) for table in CRAWLED_TABLES]
_CHECKS = [
    dg.AssetCheckSpec("freshness", asset=["landing", table]) for table in limited_tables(manifest())
]


@dg.multi_asset(specs=_SPECS, check_specs=_CHECKS, name="land_snapshot")
def landed_snapshot(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Land the embedded snapshot; what is there already stays as it is.

    Kept results of layer jobs land too, and are no materialization of the jobs' assets.
    """
    from extract.land_snapshot import land_snapshot

    settings = Settings()
    with clear_failures(settings):
        added = land_snapshot(settings.landing)
        measured = freshness(settings.landing, manifest(), datetime.now(UTC))
    for table in RAW_TABLES:
        batches = len(list((settings.landing / table).glob("*.parquet"))) - 1
        yield dg.MaterializeResult(
            asset_key=["landing", table],
            metadata={"snapshot_added": added.pop(table), "batches": batches},
        )
    for table, is_new in added.items():
        context.log.info(f"Kept results of {table} {'landed' if is_new else 'are there already'}.")
    # Shown, and no reason to stop: what is landed may be old and still right.
    severity = dg.AssetCheckSeverity
    for facts in measured:
        yield dg.AssetCheckResult(
            check_name="freshness",
            asset_key=["landing", facts.table],
            passed=not facts.is_old,
            severity=severity.ERROR if facts.is_much_too_old else severity.WARN,
            description=str(facts),
        )
