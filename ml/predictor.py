"""Fit and store the models that predictions are made with: `python -m ml.predictor`.

For each benchmark a random forest on the feature set `key` (docs/predict.md says why), whose trees
draw whole structure groups, fitted on all models of the tier `exact`, and the half width of its
90 % interval, from groups that trees did not draw.
"""

import argparse
import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from ml import predictor_file
from ml.conformal import LEVEL, REGRESSOR, coverage, fit_conformal
from ml.features import FEATURE_SETS, features
from ml.forest_arrays import ForestArrays, forest_arrays
from ml.measures import draw_groups
from ml.names import BENCHMARKS, chosen_benchmarks
from ml.predictor_file import TIER, Fitted, Predictor
from ml.regressors import SEED
from ml.seen import spacing, structures
from modelstrata.errors import ModelstrataError, NotEnoughData, PredictorError, WarehouseError
from modelstrata.progress import progress
from modelstrata.settings import Settings

FEATURE_SET = "key"
_N_DRAWS = 1000


@dataclass(frozen=True)
class Coverage:
    """Share of scores of groups held out that intervals held, with its 95 % interval."""

    share: float
    low: float
    high: float


def measure_coverage(x: pd.DataFrame, y: np.ndarray, groups: np.ndarray) -> Coverage:
    """Hold each structure group out once, and fit forest and interval anew without it.

    NaN where there are too few groups.
    """
    try:
        _, rows = coverage(x, y, groups, SEED)
    except NotEnoughData:
        return Coverage(np.nan, np.nan, np.nan)
    by_group = rows["is_covered"].groupby(groups).mean().to_numpy()
    draws = draw_groups(len(by_group), SEED, _N_DRAWS) @ by_group / len(by_group)
    low, high = np.quantile(draws, [0.025, 0.975])
    return Coverage(float(by_group.mean()), float(low), float(high))


def fit_benchmark(rows: pd.DataFrame, held: Coverage | None) -> tuple[Fitted, ForestArrays]:
    """Fit one benchmark.

    Args:
        rows: rows of `marts.structure_scores` of one benchmark, ordered by model id.
        held: coverage as the study measured it; None to measure it here, which takes five times as
            long as the fit.

    Raises:
        NotEnoughData: too few groups for an interval, or equal scores.
    """
    x = features(rows, FEATURE_SET)
    y = rows["score"].to_numpy(dtype="float64")
    groups = rows["structure_group"].to_numpy()
    if np.ptp(y) == 0:
        raise NotEnoughData(f"All {len(y)} scores are equal: there is nothing to explain.")
    model = fit_conformal(x, y, groups, SEED)
    held = held or measure_coverage(x, y, groups)
    dates = pd.to_datetime(rows["date"])
    fitted = Fitted(
        leaderboard=str(rows["leaderboard"].iloc[0]),
        n=len(y),
        n_groups=len(np.unique(groups)),
        half_width=model.half_width,
        coverage=held.share,
        coverage_low=held.low,
        coverage_high=held.high,
        first_date=str(dates.min().date()),
        last_date=str(dates.max().date()),
    )
    return fitted, forest_arrays(model.forest)


def fit_predictor(
    frame: pd.DataFrame,
    data: str,
    held: dict[str, Coverage],
    advance: Callable[[str], object] = lambda _: None,
    benchmarks: Sequence[str] = BENCHMARKS,
) -> Predictor:
    """Fit all benchmarks; one without enough data is named and the others are still there.

    Args:
        frame: rows of `marts.structure_scores` of the tier `exact`.
        data: their data version.
        held: coverage by benchmark, as far as it is measured.
        advance: called with each benchmark when it is done.
        benchmarks: what to fit.

    Raises:
        NotEnoughData: no benchmark could be fitted.
    """
    frame = frame.sort_values(["benchmark", "model_id"]).reset_index(drop=True)
    fits: dict[str, tuple[Fitted, ForestArrays]] = {}
    gaps: dict[str, str] = {}
    for name in sorted(benchmarks):
        rows = frame[frame["benchmark"] == name]
        try:
            if rows.empty:
                raise NotEnoughData("No model of known structure has a score: land evaluations.")
            fits[name] = fit_benchmark(rows.reset_index(drop=True), held.get(name))
        except NotEnoughData as error:
            gaps[name] = str(error)
        advance(name)
    if not fits:
        raise NotEnoughData(
            "No benchmark could be fitted. " + " ".join(f"{n}: {why}" for n, why in gaps.items())
        )
    models = frame.drop_duplicates("model_id").sort_values("model_id").reset_index(drop=True)
    x = features(models, FEATURE_SET).to_numpy()
    names = list(FEATURE_SETS[FEATURE_SET])
    scores = frame.pivot(index="model_id", columns="benchmark", values="score")
    scores = scores.reindex(index=models["model_id"], columns=list(fits))
    group = structures(x, names)
    boards: dict[str, np.ndarray] = {}
    for board in sorted({fitted.leaderboard for fitted, _ in fits.values()}):
        ids = frame.loc[frame["leaderboard"] == board, "model_id"]
        is_seen = models["model_id"].isin(ids).to_numpy()
        boards[board] = spacing(x[is_seen], group[is_seen], names)
    return Predictor(
        features=names,
        level=LEVEL,
        fitted={name: one for name, (one, _) in fits.items()},
        forests={name: one for name, (_, one) in fits.items()},
        gaps=gaps,
        model_ids=models["model_id"].to_numpy(dtype=str),
        is_official=models["is_official"].fillna(False).to_numpy(dtype=bool),
        x=x,
        kv_heads=models["kv_heads"].to_numpy(dtype="float64", na_value=np.nan),
        is_dense=(models["is_moe"] == False).fillna(False).to_numpy(dtype=bool),  # noqa: E712
        scores=scores.to_numpy(dtype="float64"),
        spacing=boards,
        data_version=data,
        code_version=predictor_file.code_version(),
    )


def store_predictor(
    warehouse: Path, path: Path, benchmarks: Sequence[str] = BENCHMARKS, *, force: bool = False
) -> tuple[Predictor, bool]:
    """Fit the predictor of a warehouse and store it, unless the one that is there is current.

    Args:
        warehouse: the published file.
        path: where the predictor is stored.
        benchmarks: what it shall predict.
        force: fit anew in any case.

    Returns:
        The predictor, and whether it was fitted now.

    Raises:
        WarehouseError: there is no warehouse, or it lacks the inputs.
        NotEnoughData: no benchmark could be fitted.
        StorageError: the file cannot be written.
    """
    if not warehouse.exists():
        raise WarehouseError(f"There is no warehouse at {warehouse}: run `make build` first.")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        data = predictor_file.data_version(connection)
        if not force:
            with contextlib.suppress(PredictorError):
                stored = predictor_file.load(path, data)
                if set(benchmarks) == {*stored.fitted, *stored.gaps}:
                    return stored, False
        frame = connection.execute(
            "from marts.structure_scores where structure_tier = ? and benchmark in ? "
            "order by benchmark, model_id",
            [TIER, list(benchmarks)],
        ).df()
        held = _measured(connection)
    with progress("predictor", len(benchmarks)) as advance:
        predictor = fit_predictor(frame, data, held, advance, benchmarks)
    predictor_file.save(predictor, path)
    return predictor, True


def _measured(connection: duckdb.DuckDBPyConnection) -> dict[str, Coverage]:
    """Read what the study measured of the same forests on the same data."""
    rows = connection.execute(
        "select benchmark, coverage_groups, coverage_groups_low, coverage_groups_high "
        "from marts.interval_coverage where regressor = ? and feature_set = ? and tier = ? "
        "and split = 'grouped_structure' and level = ? and not is_stale",
        [REGRESSOR, FEATURE_SET, TIER, LEVEL],
    ).fetchall()
    return {name: Coverage(*values) for name, *values in rows}


def coverage_table(predictor: Predictor) -> str:
    """Say benchmark by benchmark how often intervals held the scores of groups held out."""
    lines = [f"{'benchmark':<22} {'models':>6} {'groups':>6} {'± points':>8}  held (95 % interval)"]
    for name, one in predictor.fitted.items():
        held = f"{one.coverage:.0%} ({one.coverage_low:.0%} to {one.coverage_high:.0%})"
        if np.isnan(one.coverage):
            held = "too few groups to measure"
        lines.append(f"{name:<22} {one.n:>6,} {one.n_groups:>6} {one.half_width:>8.1f}  {held}")
    lines += [f"{name}: not fitted. {reason}" for name, reason in predictor.gaps.items()]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Fit and store; return 0, or 1 after an `error:` line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m ml.predictor", description=__doc__)
    parser.add_argument(
        "--force", action="store_true", help="fit even if the stored one is current"
    )
    args = parser.parse_args(arguments)
    try:
        settings = Settings()
        predictor, is_new = store_predictor(
            settings.warehouse,
            settings.predictor,
            chosen_benchmarks(settings.study_benchmarks),
            force=args.force,
        )
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(coverage_table(predictor))
    print(f"{'stored' if is_new else 'current, nothing to do'}: {settings.predictor}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
