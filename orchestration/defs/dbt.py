"""Assets of the dbt project: the core models, and the models of results.

Both write the run's own build file. A run without the `published_warehouse` asset (one that was
started for a few assets in the page) publishes when its dbt step has passed its tests.
"""

import re
from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
from dagster_dbt import DbtCliInvocation, DbtCliResource, dbt_assets

from modelstrata.errors import BuildFailed, storage_error_in_text
from modelstrata.progress import progress
from modelstrata.settings import Settings
from orchestration.dbt_cli import Translator, lend_parse, manifest
from orchestration.failures import clear_failures, failed_nodes
from orchestration.fingerprint import sql_fingerprint
from orchestration.warehouse import Build, open_build, publish

PUBLISHED = dg.AssetKey("published_warehouse")
_MANIFEST = manifest()
_TRANSLATOR = Translator()
#: What the post-hook `log_row_count` logs.
_ROWS = re.compile(r"^rows \S+ (\d+)$")


@dbt_assets(
    manifest=_MANIFEST,
    exclude="tag:results+",
    name="dbt_core",
    dagster_dbt_translator=_TRANSLATOR,
)
def dbt_core(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build and test staging, intermediate and the marts that need no Python."""
    yield from _build_part(context, dbt, "core")


@dbt_assets(
    manifest=_MANIFEST,
    select="tag:results+",
    name="dbt_results",
    dagster_dbt_translator=_TRANSLATOR,
)
def dbt_results(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    """Build and test the marts of regressors and layer jobs."""
    yield from _build_part(context, dbt, "results")


def _build_part(context: dg.AssetExecutionContext, dbt: DbtCliResource, part: str) -> Iterator[Any]:
    settings = Settings()
    with clear_failures(settings):
        build = open_build(settings, context.run_id)
        if build.is_unchanged:
            context.log.info("The same batches and code are published already: nothing to do.")
            return
        if part == "core" and build.is_core_unchanged and not context.is_subset:
            context.log.info("Only results have come since the published warehouse was built.")
            build.built.add(part)
            yield from _carried_over(context, build)
            return
        settings.export(sql_fingerprint())
        target = build.dbt_target
        # Unit tests test the code, not the data: `make test` runs them.
        command = ["build", "--exclude-resource-type", "unit_test"]
        if part == "core" and build.has_lost_batches:
            command.append("--full-refresh")
        if settings.allow_drop:
            command += ["--vars", "allow_drop: true"]
        lend_parse(target)
        invocation = dbt.cli(command, context=context, raise_on_error=False, target_path=target)
        steps = len(context.selected_asset_keys) + len(context.selected_asset_check_keys)
        build.children.append(invocation.process)
        with progress(f"dbt {part}", steps) as advance:
            for event in _events_with_rows(context, invocation):
                if isinstance(event, (dg.Output, dg.AssetCheckResult)):
                    advance("")
                yield event
        error = invocation.get_error()
        if error is not None:
            failed = failed_nodes(target / "run_results.json", build.file)
            raise _clear("\n".join(failed) or str(error), settings)
    if not context.is_subset:
        build.built.add(part)
    if PUBLISHED not in context.job_def.asset_layer.selected_asset_keys:
        with clear_failures(settings):
            publish(build)


def _carried_over(
    context: dg.AssetExecutionContext, build: Build
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    """Tell of the tables that others read that they are as they were published, tests passed.

    Dagster skips what is downstream of an asset, or of a check that blocks, that yields nothing.
    """
    graph = context.job_def.asset_layer.asset_graph
    core = context.selected_asset_keys
    read = [k for k in graph.toposorted_asset_keys if k in core and graph.get(k).child_keys - core]
    metadata = {"carried_over": True}
    with duckdb.connect(str(build.file), read_only=True) as connection:
        for key in read:
            schema, table = key.path
            ((rows,),) = connection.table(f'"{schema}"."{table}"').count("*").fetchall()
            yield dg.MaterializeResult(
                asset_key=key, metadata={"dagster/row_count": rows, **metadata}
            )
    for check in context.assets_def.check_specs:
        if check.blocking and check.asset_key in read:
            yield dg.AssetCheckResult(
                asset_key=check.asset_key, check_name=check.name, passed=True, metadata=metadata
            )


def _events_with_rows(
    context: dg.AssetExecutionContext, invocation: DbtCliInvocation
) -> Iterator[Any]:
    """Convert dbt's log to Dagster's events, each model's row count among its metadata.

    The counts are logged by the project's post-hook; no other process can open the build file
    while dbt writes it.
    """
    rows: dict[str, int] = {}
    for message in invocation.stream_raw_events():
        node = message.raw_event["data"].get("node_info", {}).get("unique_id", "")
        if counted := _ROWS.search(message.raw_event["info"]["msg"]):
            rows[node] = int(counted[1])
            continue
        for event in message.to_default_asset_events(
            manifest=invocation.manifest,
            dagster_dbt_translator=_TRANSLATOR,
            context=context,
            target_path=invocation.target_path,
        ):
            if isinstance(event, dg.Output) and node in rows:
                extra = {"dagster/row_count": rows[node]}
                yield event.with_metadata({**event.metadata, **extra})
            else:
                yield event


def _clear(text: str, settings: Settings) -> Exception:
    """Say which nodes failed and why, in place of dbt's whole log."""
    return storage_error_in_text(text, settings.data) or BuildFailed(
        f"dbt stopped the build; the last good warehouse stays.\n{text}"
    )
