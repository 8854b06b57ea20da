"""Assets of the layer jobs, which run in a process of their own through Pipes.

Each analysis is an asset of its own, partitioned by model, and not one asset with partitions of two
dimensions: the dbt sources are one a table, and of a table by model and analysis two partitions in
three could never be there. The page of the job `gpu` shows models by analyses.
"""

from typing import Any

import dagster as dg
from pydantic import Field

from modelstrata.settings import Settings
from orchestration.failures import clear_failures
from orchestration.layer_config import (
    BlockInfluenceConfig,
    GradientsConfig,
    PathsConfig,
    PruningConfig,
    RelevanceConfig,
)
from orchestration.layer_devices import POOL
from orchestration.layer_models import MODELS, configured_model, named_model, register
from orchestration.layer_step import measured

#: What the assets have in common.
_MEASURED: dict[str, Any] = {
    "group_name": "gpu",
    "kinds": {"pytorch"},
    "pool": POOL,
    "partitions_def": dg.DynamicPartitionsDefinition(name=MODELS),
}


@dg.asset(key=["results", "block_influence"], **_MEASURED)
def block_influence(
    context: dg.AssetExecutionContext,
    pipes: dg.PipesSubprocessClient,
    config: BlockInfluenceConfig,
) -> dg.MaterializeResult:
    """Measure the block influence of a model's layers on a text set, and land it."""
    return measured(context, pipes, "block_influence", config)


@dg.asset(key=["results", "pruning_effects"], **_MEASURED)
def pruning_effects(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, config: PruningConfig
) -> dg.MaterializeResult:
    """Evaluate a model before and after layers are removed, and land the differences."""
    return measured(context, pipes, "pruning", config)


@dg.asset(key=["results", "layer_gradients"], **_MEASURED)
def layer_gradients(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, config: GradientsConfig
) -> dg.MaterializeResult:
    """Measure the gradients of a model's weight matrices on data sets, and land their norms."""
    return measured(context, pipes, "layer_gradients", config)


@dg.asset(key=["results", "layer_relevance"], **_MEASURED)
def layer_relevance(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, config: RelevanceConfig
) -> dg.MaterializeResult:
    """Measure how much each layer of a model matters on tasks, and land it."""
    return measured(context, pipes, "layer_relevance", config)


@dg.asset(key=["results", "pruning_paths"], **_MEASURED)
def pruning_paths(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, config: PathsConfig
) -> dg.MaterializeResult:
    """Remove a model's layers one by one and score what is left, and land it with the maps."""
    return measured(context, pipes, "pruning_paths", config)


class ModelConfig(dg.Config):
    """A model to measure."""

    model: str = Field(
        default="",
        description="Hub id, local folder or GGUF file; by default that of MODELSTRATA_GPU_MODEL.",
    )
    model_id: str = Field(
        default="", description="Id of a folder or file in the results; by default its name."
    )


@dg.op
def register_model(context: dg.OpExecutionContext, config: ModelConfig) -> None:
    """Make a model a partition of the layer jobs."""
    settings = Settings()
    with clear_failures(settings):
        given = config.model.strip()
        model = named_model(given, config.model_id) if given else configured_model(settings)
        register(settings, context.instance, model)
    context.log.info("%s is a partition of the layer jobs, read from %s.", model.name, model.model)
