"""Everything Dagster knows: assets, jobs, the schedule, the sensor and resources."""

import dagster as dg

from orchestration import jobs
from orchestration.dbt_cli import dbt_resource
from orchestration.defs import dbt, extract, gpu, hub, ml, predictor, release, study
from orchestration.layer_step import STOPPING_S
from orchestration.sensors import landing_sensor

#: Assets of a run share one process, because it holds the lock on the data folder.
ASSETS: list[dg.AssetsDefinition | dg.AssetSpec] = [
    hub.hub_listing,
    hub.hub_configs,
    hub.hub_leaderboards,
    extract.landed_snapshot,
    *extract.CRAWLED,
    dbt.dbt_core,
    ml.regressions,
    gpu.block_influence,
    gpu.pruning_effects,
    gpu.layer_gradients,
    gpu.layer_relevance,
    gpu.pruning_paths,
    *study.PARTS,
    dbt.dbt_results,
    release.published_warehouse,
    predictor.predictor,
    release.release_folder,
    release.hub_release,
]

defs = dg.Definitions(
    assets=ASSETS,
    jobs=[
        jobs.build,
        jobs.gpu,
        jobs.add_model,
        jobs.study,
        jobs.study_inverse,
        jobs.fit_predictor,
        jobs.refresh,
        jobs.hub_configs,
        jobs.compact,
        jobs.publish_release,
    ],
    schedules=[jobs.refresh_weekly],
    sensors=[landing_sensor],
    resources={
        "dbt": dbt_resource(),
        "pipes": dg.PipesSubprocessClient(termination_timeout_seconds=STOPPING_S),
    },
    executor=dg.in_process_executor,
)
