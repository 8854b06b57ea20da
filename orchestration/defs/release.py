"""Assets that people read: the published warehouse with its documentation, the release."""

import dagster as dg
from pydantic import Field

from modelstrata.progress import progress
from modelstrata.settings import HubSettings, Settings
from orchestration.dbt_cli import manifest
from orchestration.defs.dbt import PUBLISHED
from orchestration.defs.report import FIGURES, PAGE
from orchestration.docs import generate_docs, publish_docs
from orchestration.failures import clear_failures
from orchestration.warehouse import build_fingerprint, open_build
from orchestration.warehouse import publish as publish_warehouse

RELEASE = dg.AssetKey("release_folder")
ON_THE_HUB = dg.AssetKey("hub_release")


class PublishConfig(dg.Config):
    """Where a release goes. The token is not here: it comes from the environment alone."""

    repo: str = Field(
        default="", description="Dataset repo, owner/name; by default MODELSTRATA_RELEASE_REPO."
    )
    public: bool = Field(default=False, description="Let anyone see it.")
    without_unlicensed: bool = Field(
        default=False, description="Leave out tables that quote a source without a stated license."
    )


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
            page = generate_docs(build.dbt_target, build_fingerprint(build), settings.data)
            advance("")
        # The page first: should publishing stop, the next build writes both again.
        docs = publish_docs(page, settings)
        publish_warehouse(build)
    size = settings.warehouse.stat().st_size
    return dg.MaterializeResult(
        metadata={"path": str(settings.warehouse), "bytes": size, "docs": str(docs)}
    )


@dg.asset(key=RELEASE, group_name="release", deps=[PUBLISHED, PAGE, FIGURES], kinds={"parquet"})
def release_folder() -> dg.MaterializeResult:
    """Write the release folder: Parquet per mart, report, documentation, data card, checksums."""
    from release.folder import write_release

    settings = Settings()
    with clear_failures(settings), progress("release", len(_marts())) as advance:
        folder = write_release(
            settings.warehouse,
            settings.releases,
            advance,
            report=settings.report,
            docs=settings.docs,
        )
    return dg.MaterializeResult(metadata={"path": str(folder), "version": folder.name})


@dg.asset(key=ON_THE_HUB, group_name="release", deps=[RELEASE], kinds={"huggingface"})
def hub_release(context: dg.AssetExecutionContext, config: PublishConfig) -> dg.MaterializeResult:
    """Publish the release as a dataset repo on the Hub; a version that is there stays as it is."""
    from release.folder import write_release
    from release.plan import PublishOptions, validate_repo_id
    from release.publish import publish

    settings = Settings()
    with clear_failures(settings):
        repo = validate_repo_id(config.repo or settings.release_repo)
        options = PublishOptions(repo, config.public, config.without_unlicensed)
        folder = write_release(
            settings.warehouse, settings.releases, report=settings.report, docs=settings.docs
        )
        done = publish(folder, HubSettings.read(), options, context.log.info)
    return dg.MaterializeResult(
        metadata={
            "page": dg.MetadataValue.url(done.url),
            "version": done.version,
            "commit": done.commit,
            "files_sent": done.files_sent,
            "bytes_sent": done.bytes_sent,
            "files_deleted": done.files_deleted,
            "is_public": done.is_public,
        }
    )
