"""What the command `gpu` does: one analysis of the model of the settings."""

import dagster as dg

from modelstrata.settings import Settings
from orchestration.instance import prepare_instance
from orchestration.jobs import gpu as gpu_job
from orchestration.layer_jobs import ANALYSES
from orchestration.layer_models import configured_model, register
from orchestration.run import run_job


def measure(settings: Settings, analysis: str) -> str:
    """Run an analysis on MODELSTRATA_GPU_MODEL; return what failed, or an empty text.

    Raises:
        ModelstrataError: no model is set, or it cannot be meant.
        KeyboardInterrupt: it was stopped.
    """
    model = configured_model(settings)
    prepare_instance(settings)
    with dg.DagsterInstance.get() as instance:
        register(settings, instance, model)
    asset = dg.AssetKey(["results", ANALYSES[analysis].table])
    return "\n".join(run_job(gpu_job.name, settings, model.name, [asset]).failures)
