"""Assets of the full regression study, one a part, each partitioned by benchmark or target."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from ml.names import BENCHMARKS, FORWARD, INVERSE, TARGETS
from modelstrata.settings import Settings
from orchestration.defs.dbt import PUBLISHED
from orchestration.failures import clear_failures
from orchestration.runs import process_tag

GROUP = "ml_study"
#: One partition at a time: each keeps all cores busy.
POOL = "study"
_CHECKS = {
    **dict.fromkeys(FORWARD, ("r2_is_finite", "no_feature_is_constant")),
    "coverage": ("coverage_is_near_its_level", "no_feature_is_constant"),
    INVERSE: ("r2_is_finite", "no_feature_is_constant"),
}
_ABOUT = {
    "importances": "The paper's forest on key and structure: scores, importances, effects.",
    "regressors": "Every other regressor on the key.",
    "feature_sets": "Other sets of features: the forest, and a stronger regressor.",
    "subsets": "Other rows: with imputed structures, of official providers, pretrained alone.",
    "coverage": "How often 90 % intervals hold scores of structures never seen.",
    INVERSE: "The way back: each structural column from the six scores of the first leaderboard.",
}


def _asset(part: str) -> dg.AssetsDefinition:
    key = dg.AssetKey(["study", part])

    @dg.asset(
        key=key,
        description=_ABOUT[part],
        group_name=GROUP,
        kinds={"sklearn"},
        deps=[PUBLISHED],
        pool=POOL,
        partitions_def=dg.StaticPartitionsDefinition(TARGETS if part == INVERSE else BENCHMARKS),
        check_specs=[dg.AssetCheckSpec(name, asset=key) for name in _CHECKS[part]],
    )
    def fitted(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        from orchestration.study import land_part, n_tasks
        from orchestration.study_ahead import at_work
        from orchestration.study_facts import checks, numbers, r2_by_split
        from orchestration.study_progress import partition_progress

        settings = Settings()
        context.instance.add_run_tags(context.run.run_id, process_tag())
        partition = context.partition_key
        total = n_tasks(part, partition)
        with (
            clear_failures(settings),
            partition_progress(part, partition, total) as advance,
        ):
            landed = land_part(settings, part, partition, advance, at_work)
            for gap in landed.gaps:
                context.log.warning("Not fitted: %s", gap)
            metadata: dict[str, Any] = {**numbers(landed)}
            if scores := r2_by_split(landed):
                metadata["r2"] = dg.MetadataValue.table([dg.TableRecord(row) for row in scores])
            found = checks(landed)
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={"result_key": landed.key, "computed": landed.computed, **metadata},
            data_version=dg.DataVersion(landed.key),
        )
        for name in _CHECKS[part]:
            passed, said = found[name]
            yield dg.AssetCheckResult(
                check_name=name,
                asset_key=key,
                passed=passed,
                # Shown, and no reason to stop: the marts say the same of each cell.
                severity=dg.AssetCheckSeverity.WARN,
                description=said,
            )

    return fitted


PARTS = [_asset(part) for part in (*FORWARD, INVERSE)]
