"""Assets of the regressors' results, landed as tables."""

from collections.abc import Iterator

import dagster as dg

from modelstrata.progress import progress
from modelstrata.settings import Settings
from orchestration.failures import clear_failures
from orchestration.warehouse import open_build

TABLES = ("regression_scores", "feature_importances", "score_predictions")
_SPECS = [
    dg.AssetSpec(
        ["results", table],
        group_name="ml",
        kinds={"sklearn"},
        deps=[["marts", "structure_scores"], ["intermediate", "int_regression_inputs"]],
        skippable=True,
    )
    for table in TABLES
]


@dg.multi_asset(specs=_SPECS, name="regressions")
def regressions(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """Explain the six v1 scores by structure; what is landed already is not fitted again."""
    from orchestration.regressions import land_study, study_inputs, study_scores

    settings = Settings()
    with clear_failures(settings):
        build = open_build(settings, context.run_id)
        if build.is_unchanged:
            return
        inputs = study_inputs(build.file)
        with progress("regressions", len(inputs.tasks)) as advance:
            outcome = land_study(settings, inputs, advance)
        for table, path in outcome.batches.items():
            build.add_batch(table, path)
        if outcome.missing:
            context.log.warning("Not fitted: %s", " ".join(outcome.missing))
        scores = study_scores(outcome.batches["regression_scores"])
    for table in TABLES:
        extra: dict[str, dg.MetadataValue] = {}
        if table == "regression_scores":
            extra = {f"r2/{b}/{split}": dg.MetadataValue.float(r2) for b, split, r2 in scores}
        yield dg.MaterializeResult(
            asset_key=["results", table],
            metadata={"result_key": outcome.key, "computed": outcome.computed, **extra},
            data_version=dg.DataVersion(outcome.key),
        )
