"""Assets of what crawls bring from the Hub: the listing, configs part by part, leaderboards.

They land batches; the tables of the landing zone, downstream of them, are what these batches and
the embedded snapshot hold together.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
from pydantic import Field

from extract.hub.buckets import BUCKETS
from modelstrata.settings import Settings
from orchestration.failures import clear_failures
from orchestration.hub_steps import (
    POOL,
    WEEKLY,
    HubConfig,
    ListingConfig,
    hub_step,
    told,
)

LISTING = dg.AssetKey(["hub", "listing"])
CONFIGS = dg.AssetKey(["hub", "configs"])
#: Keys of the leaderboards' assets and the names of their sources.
LEADERBOARDS = {
    dg.AssetKey(["hub", "open_llm_v1"]): "open-llm-v1",
    dg.AssetKey(["hub", "open_llm_v2"]): "open-llm-v2",
    dg.AssetKey(["hub", "bigcodebench"]): "bigcodebench",
    dg.AssetKey(["hub", "benchmarks"]): "hub-benchmarks",
}
#: What brings the rows of a landing table, beside the snapshot.
BROUGHT_BY = {
    "hub_models": [LISTING],
    "hub_configs": [CONFIGS],
    "open_llm_leaderboard_v2": [dg.AssetKey(["hub", "open_llm_v2"])],
    "bigcodebench": [dg.AssetKey(["hub", "bigcodebench"])],
    "open_llm_v1_results": [dg.AssetKey(["hub", "open_llm_v1"])],
    "hub_benchmarks": [dg.AssetKey(["hub", "benchmarks"])],
    "hub_leaderboards": [dg.AssetKey(["hub", "benchmarks"])],
    "hub_removals": [LISTING],
    "hub_crawls": [LISTING],
}
_KINDS = {"huggingface"}


@dg.asset(
    key=LISTING,
    group_name="extract",
    kinds=_KINDS,
    pool=POOL,
    freshness_policy=WEEKLY,
)
def hub_listing(context: dg.AssetExecutionContext, config: ListingConfig) -> dg.MaterializeResult:
    """List the Hub's models; what is new, changed, renamed or removed lands."""
    from extract.hub.crawl import list_models

    with hub_step(context, config) as (settings, hub):
        scope = config.scope(settings)
        context.log.info("Listing %s of %s.", scope.describe(), hub.endpoint)
        summary = list_models(settings, hub, scope, config.options())
    news = {name: summary.news[name] for name in ("new", "changed", "recounted", "absent")}
    counts = {"models": summary.models, **news, "configs_due": summary.due, **told(summary)}
    return dg.MaterializeResult(metadata={"scope": scope.describe(), **counts})


@dg.asset(
    key=CONFIGS,
    group_name="extract",
    kinds=_KINDS,
    pool=POOL,
    deps=[LISTING],
    partitions_def=dg.StaticPartitionsDefinition(BUCKETS),
)
def hub_configs(context: dg.AssetExecutionContext, config: HubConfig) -> dg.MaterializeResult:
    """Fetch the config.json files that the listing left due, of a sixteenth of the models."""
    from extract.hub.crawl import fetch_configs

    with hub_step(context, config) as (settings, hub):
        summary = fetch_configs(settings, hub, context.partition_key, config.options())
    done = sum(n for status, n in summary.outcomes.items() if status != "again")
    tries = {"models": done, "ok": summary.outcomes["ok"], "again": summary.outcomes["again"]}
    return dg.MaterializeResult(metadata={**tries, **told(summary)})


@dg.multi_asset(
    specs=[
        dg.AssetSpec(key, group_name="extract", kinds=_KINDS, freshness_policy=WEEKLY)
        for key in LEADERBOARDS
    ],
    name="hub_leaderboards",
    can_subset=True,
    pool=POOL,
)
def hub_leaderboards(
    context: dg.AssetExecutionContext, config: HubConfig
) -> Iterator[dg.MaterializeResult]:
    """Land the leaderboards that have changed; one that fails stops no other."""
    from extract.hub.errors import HubError
    from extract.hub.leaderboards.land import land_leaderboards

    wanted = {LEADERBOARDS[key]: key for key in context.selected_asset_keys}
    failed = []
    with hub_step(context, config) as (settings, hub):
        for landed in list(land_leaderboards(settings, hub, sorted(wanted))):
            if landed.error is not None:
                failed.append(f"{landed.source}: {landed.error}")
                continue
            yield dg.MaterializeResult(
                asset_key=wanted[landed.source],
                metadata={
                    "said": landed.said,
                    "requests": landed.requests,
                    "seconds": round(landed.seconds, 3),
                },
            )
        if failed:
            raise HubError("\n".join(failed))


class CompactionConfig(dg.Config):
    """What is compacted."""

    older_than_days: float = Field(
        default=30.0, ge=0, description="Only batches that landed longer ago."
    )


@dg.op(pool=POOL)
def compact_listings(context: dg.OpExecutionContext, config: CompactionConfig) -> None:
    """Compact listings that newer ones replace; the next build is one of everything."""
    from extract.hub.compact.compaction import compact

    settings = Settings()
    with clear_failures(settings):
        done = compact(settings, timedelta(days=config.older_than_days))
    for line in done.lines():
        context.log.info(line)
