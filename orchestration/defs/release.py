"""Assets that people read: the published warehouse with its documentation, the release."""

import dagster as dg

from modelstrata.progress import progress
from modelstrata.settings import Settings
from orchestration.dbt_cli import manifest
from orchestration.defs.dbt import PUBLISHED
from orchestration.docs import generate_docs, publish_docs
from orchestration.failures import clear_failures
from orchestration.warehouse import open_build, publish

RELEASE = dg.AssetKey("release_folder")


def _marts() -> list[dg.AssetKey]:
    nodes = manifest()["nodes"].values()
    return [
        dg.AssetKey(["marts", node["name"]])
        for node in nodes
        if node["resource_type"] == "model" and node["schema"] == "marts"
    ]


@dg.asset(key=PUBLISHED, group_name="release", deps=_marts(), kinds={"duckdb"})
def published_warehouse(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Put the tested build file, and its documentation, in the published ones' place."""
    settings = Settings()
    with clear_failures(settings):
        build = open_build(settings, context.run_id)
        with progress("documentation", 1) as advance:
            page = generate_docs(build.dbt_target("results"))
            advance("")
        # The page first: should publishing stop, the next build writes both again.
        docs = publish_docs(page, settings)
        publish(build)
    size = settings.warehouse.stat().st_size
    return dg.MaterializeResult(
        metadata={"path": str(settings.warehouse), "bytes": size, "docs": str(docs)}
    )


@dg.asset(key=RELEASE, group_name="release", deps=[PUBLISHED], kinds={"parquet"})
def release_folder() -> dg.MaterializeResult:
    """Write the release folder: Parquet per mart, data card, checksums."""
    from release.folder import write_release

    settings = Settings()
    with clear_failures(settings), progress("release", len(_marts())) as advance:
        folder = write_release(settings.warehouse, settings.releases, advance)
    return dg.MaterializeResult(metadata={"path": str(folder), "version": folder.name})
