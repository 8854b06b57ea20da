"""Asset of the fitted models that predictions are made with."""

import dagster as dg

from modelstrata.settings import Settings
from orchestration.defs.dbt import PUBLISHED
from orchestration.failures import clear_failures

PREDICTOR = dg.AssetKey("predictor")


@dg.asset(key=PREDICTOR, group_name="ml_study", deps=[PUBLISHED], kinds={"sklearn"})
def predictor() -> dg.MaterializeResult:
    """Fit and store what `python -m ml.predict` answers from, unless the data are the same."""
    from ml.names import chosen_benchmarks
    from ml.predictor import store_predictor

    settings = Settings()
    with clear_failures(settings):
        benchmarks = chosen_benchmarks(settings.study_benchmarks)
        stored, is_new = store_predictor(settings.warehouse, settings.predictor, benchmarks)
    coverage = {
        f"coverage/{name}": dg.MetadataValue.float(one.coverage)
        for name, one in stored.fitted.items()
    }
    return dg.MaterializeResult(
        metadata={
            "path": str(settings.predictor),
            "computed": is_new,
            "not_fitted": " ".join(f"{name}: {why}" for name, why in stored.gaps.items()),
            **coverage,
        },
        data_version=dg.DataVersion(f"{stored.data_version}-{stored.code_version}"),
    )
