"""Cross-validated regressions of scores on structure (structure paper, section 5).

Frames in, frames out: the caller reads `marts.structure_performance` and lands what comes back.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from joblib import Parallel, delayed

from ml.features import features
from ml.measures import group_bootstrap, mean_absolute_error, r2
from ml.regressors import REGRESSORS
from ml.splits import N_FOLDS, folds
from ml.study import Cell
from modelstrata.errors import NotEnoughData


@dataclass(frozen=True)
class CellResult:
    """What one cell measured.

    Attributes:
        score: one row of `regression_scores`.
        importances: rows of `feature_importances`.
        predictions: rows of `score_predictions`, one a model.
    """

    score: pd.DataFrame
    importances: pd.DataFrame
    predictions: pd.DataFrame


def _fit_fold(
    cell: Cell, x: pd.DataFrame, y: np.ndarray, held_out: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    model = REGRESSORS[cell.regressor](cell.seed)
    model.fit(x[~held_out], y[~held_out])
    return model.predict(x[held_out]), model.feature_importances_


def run_cell(frame: pd.DataFrame, cell: Cell, threads: int = 1) -> CellResult:
    """Fit and score one cell by five-fold cross-validation.

    Args:
        frame: rows of `structure_performance`, one a model.
        cell: what to fit.
        threads: folds fitted side by side; they change nothing but the time.

    Raises:
        NotEnoughData: too few rows or groups, or a constant target.
    """
    rows = frame[(frame["structure_tier"] == cell.tier) & frame[cell.benchmark].notna()]
    rows = rows.sort_values("model_id").reset_index(drop=True)
    x = features(rows, cell.feature_set)
    y = rows[cell.benchmark].to_numpy(dtype="float64")
    fold = folds(rows["structure_group"], cell.split, cell.seed)
    if np.ptp(y) == 0:
        raise NotEnoughData(
            f"All {len(y)} scores on {cell.benchmark} are equal: there is nothing to explain."
        )

    # Folds run side by side and each regressor on one thread: a forest that predicts on several
    # adds its trees up in any order, and the last bits would differ from run to run.
    fits = Parallel(n_jobs=threads, prefer="threads")(
        delayed(_fit_fold)(cell, x, y, fold == number) for number in range(N_FOLDS)
    )
    predicted = np.empty_like(y)
    fold_r2 = np.empty(N_FOLDS)
    for number, (held_out_predictions, _) in enumerate(fits):
        held_out = fold == number
        predicted[held_out] = held_out_predictions
        fold_r2[number] = r2(y[held_out], held_out_predictions)
    known_r2 = fold_r2[~np.isnan(fold_r2)]
    importances = np.stack([fold_importances for _, fold_importances in fits])

    key = asdict(cell)
    groups = rows["structure_group"].to_numpy()
    score = pd.DataFrame(
        [
            {
                **key,
                "r2": r2(y, predicted),
                "r2_fold_mean": known_r2.mean() if len(known_r2) else np.nan,
                "r2_fold_sd": known_r2.std(ddof=1) if len(known_r2) > 1 else np.nan,
                "mae": mean_absolute_error(y, predicted),
                **group_bootstrap(y, predicted, groups, cell.seed),
                "n": len(y),
                "n_groups": rows["structure_group"].nunique(),
                "n_folds": N_FOLDS,
            }
        ]
    )
    importance_rows = pd.DataFrame(
        {
            "feature": x.columns,
            "kind": "impurity",
            "importance": importances.mean(axis=0),
            "importance_sd": importances.std(axis=0, ddof=1),
            "n_folds": N_FOLDS,
        }
    ).assign(**key)
    prediction_rows = pd.DataFrame(
        {
            "model_id": rows["model_id"],
            "structure_group": rows["structure_group"],
            "fold": fold,
            "score": y,
            "predicted_score": predicted,
        }
    ).assign(**key)
    return CellResult(score, importance_rows, prediction_rows)


def run_study(
    frame: pd.DataFrame,
    study: list[Cell],
    threads: int = 1,
    advance: Callable[[str], None] = lambda _: None,
) -> tuple[dict[str, pd.DataFrame], list[str]]:
    """Run every cell; a cell without enough data is named and the others still run.

    Returns:
        Frames by landing table (`regression_scores`, `feature_importances`,
        `score_predictions`), and one sentence for each cell that could not be run.

    Raises:
        NotEnoughData: no cell could be run.
    """
    results, missing = [], []
    for cell in study:
        try:
            results.append(run_cell(frame, cell, threads))
        except NotEnoughData as error:
            missing.append(f"{cell.regressor} on {cell.benchmark} ({cell.split}): {error}")
        advance(f"{cell.benchmark}, {cell.split}")
    if not results:
        raise NotEnoughData(" ".join(missing) or "The study has no cells.")
    tables = {
        "regression_scores": pd.concat([r.score for r in results], ignore_index=True),
        "feature_importances": pd.concat([r.importances for r in results], ignore_index=True),
        "score_predictions": pd.concat([r.predictions for r in results], ignore_index=True),
    }
    return tables, missing
