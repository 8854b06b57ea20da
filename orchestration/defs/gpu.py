"""Assets of the layer jobs, which run in a process of their own through Pipes."""

import sys

import dagster as dg

from modelstrata.settings import ROOT, Settings
from orchestration.failures import clear_failures


@dg.asset(
    key=["results", "block_influence"],
    group_name="gpu",
    kinds={"pytorch"},
    pool="gpu",
)
def block_influence(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient
) -> dg.MaterializeResult:
    """Measure the block influence of MODELSTRATA_GPU_MODEL's layers and land it."""
    from orchestration.layer_jobs import block_influence_command, land_block_influence

    settings = Settings()
    output = settings.data / "gpu" / f"{context.run_id}.parquet"
    with clear_failures(settings):
        command = block_influence_command(settings, sys.executable, output)
        output.parent.mkdir(parents=True, exist_ok=True)
        result = pipes.run(command=command, context=context, cwd=str(ROOT))
        land_block_influence(settings, output)
    return result.get_materialize_result()
