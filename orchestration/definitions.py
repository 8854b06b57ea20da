"""Everything Dagster knows: assets, jobs, the sensor and resources."""

import dagster as dg

from orchestration.dbt_cli import dbt_resource
from orchestration.defs import dbt, extract, gpu, ml, release
from orchestration.sensors import landing_sensor

#: Assets of a run share one process, because it holds the lock on the data folder.
ASSETS = [
    extract.landed_snapshot,
    dbt.dbt_core,
    ml.regressions,
    gpu.block_influence,
    dbt.dbt_results,
    release.published_warehouse,
    release.release_folder,
]
GPU = dg.AssetSelection.groups("gpu")

build = dg.define_asset_job(
    "build",
    selection=dg.AssetSelection.all() - GPU,
    description="The main job: land the snapshot, build and test the warehouse, publish it.",
    executor_def=dg.in_process_executor,
    tags={"modelstrata/writes": "warehouse"},
)
gpu_job = dg.define_asset_job(
    "gpu",
    selection=GPU,
    description="Measure layers of a model and land the results; the next build shows them.",
    executor_def=dg.in_process_executor,
)

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[build, gpu_job],
    sensors=[landing_sensor],
    resources={"dbt": dbt_resource(), "pipes": dg.PipesSubprocessClient()},
    executor=dg.in_process_executor,
)
