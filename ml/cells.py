"""What one cell gives, as rows of the landing tables."""

from dataclasses import asdict

import numpy as np
import pandas as pd

from ml.conformal import LEVEL, coverage
from ml.effects import FEATURES, accumulated_effects, grid
from ml.importances import (
    impurity_draws,
    impurity_importances,
    permutation_draws,
    summarise,
)
from ml.measures import N_BOOTSTRAP, draw_groups, measure, r2
from ml.regressors import REGRESSORS
from ml.splits import N_FOLDS
from ml.validation import Fit, Prepared, predictions
from modelstrata.errors import NotEnoughData

#: Forests of the bootstrap are smaller: what differs from draw to draw are its rows.
DRAWN_TREES = 25
N_PERMUTATIONS = 3


def score_rows(prepared: Prepared, fitted: list[Fit]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the cell's row of `regression_scores` and its rows of `score_predictions`.

    Raises:
        NotEnoughData: a repeat's held-out scores are all equal.
    """
    stored = predictions(prepared, fitted)
    measured = measure(stored, prepared.cell.seed)
    if np.isnan(measured["r2"]):
        raise NotEnoughData(
            f"The held-out values of {prepared.cell.subject} are all equal: R² is not defined."
        )
    by_fold = np.array([r2(fit.y_held_out, fit.predicted) for fit in fitted])
    known = by_fold[~np.isnan(by_fold)]
    row = {
        **asdict(prepared.cell),
        **measured,
        "r2_fold_mean": known.mean() if len(known) else np.nan,
        "r2_fold_sd": known.std(ddof=1) if len(known) > 1 else np.nan,
        "n_folds": N_FOLDS,
    }
    return pd.DataFrame([row]), stored


def impurity_rows(prepared: Prepared, fitted: list[Fit]) -> pd.DataFrame:
    """Return rows of kind `impurity`: mean and spread over the folds' models, no interval."""
    found = np.array([impurity_importances(fit.model, prepared.x.columns) for fit in fitted])
    rows = pd.DataFrame(
        {
            "feature": [str(name) for name in prepared.x.columns],
            "kind": "impurity",
            "importance": found.mean(axis=0),
            "importance_low": np.nan,
            "importance_high": np.nan,
            "importance_sd": found.std(axis=0, ddof=1),
            "rank_agreement": np.nan,
            "n_draws": None,
        }
    )
    return _of_cell(rows, prepared)


def permutation_rows(prepared: Prepared, fitted: list[Fit]) -> pd.DataFrame:
    """Return rows of kinds `permutation` and `permutation_block`, with intervals."""
    drawn = permutation_draws(prepared, fitted, N_PERMUTATIONS)
    rows = summarise(drawn.iloc[0], drawn[1:], "permutation")
    return _of_cell(rows.assign(importance_sd=np.nan, n_draws=N_BOOTSTRAP), prepared)


def drawn_rows(prepared: Prepared, n_draws: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Refit on whole groups drawn with replacement: how far importances and effects are certain.

    The draws do not depend on a split; these forests have `DRAWN_TREES` trees.

    Returns:
        Rows of kind `impurity` with intervals and rank agreement (their `importance` is that of
        all rows), and rows of `feature_effects`.
    """
    cell, x, y = prepared.cell, prepared.x, prepared.y
    whole = REGRESSORS[cell.regressor](cell.seed).fit(x, y)
    shown = [name for name in FEATURES if name in x and x[name].nunique() > 1]
    edges = {name: grid(x[name]) for name in shown}
    effects: dict[str, list[np.ndarray]] = {name: [] for name in shown}

    def small(seed: int) -> object:
        return REGRESSORS[cell.regressor](seed).set_params(n_estimators=DRAWN_TREES)

    def remember(model: object, drawn: pd.DataFrame) -> None:
        for name in shown:
            effects[name].append(accumulated_effects(model, drawn, name, edges[name])[0])

    draws = impurity_draws(prepared, small, n_draws, cell.seed, remember)
    estimate = pd.Series(impurity_importances(whole, x.columns), index=x.columns)
    importances = summarise(estimate, draws, "impurity").assign(n_draws=n_draws)
    parts = []
    for name in shown:
        low, high = np.quantile(np.stack(effects[name]), [0.025, 0.975], axis=0)
        effect, n_rows = accumulated_effects(whole, x, name, edges[name])
        part = {
            "feature": name,
            "kind": "ale",
            "value": edges[name],
            "effect": effect,
            "effect_low": low,
            "effect_high": high,
            "n_rows": n_rows,
        }
        parts.append(pd.DataFrame(part))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return importances.assign(**asdict(cell)), table.assign(**asdict(cell))


def covered_groups(prepared: Prepared, repeat: int) -> pd.DataFrame:
    """Measure intervals in one repeat: a row a group, with its `share` of rows covered.

    Raises:
        NotEnoughData: too few groups to calibrate on.
    """
    cell, groups = prepared.cell, prepared.bootstrap_groups
    measured, rows = coverage(prepared.x, prepared.y, groups, cell.seed + repeat)
    share = rows["is_covered"].groupby(groups).mean()
    table = pd.DataFrame({"repeat": repeat, "group": share.index, "share": share.to_numpy()})
    return table.assign(**measured, **asdict(cell))


def coverage_row(covered: pd.DataFrame) -> pd.DataFrame:
    """Return a cell's row of `interval_coverage`, mean over the repeats of `covered_groups`."""
    share = covered.groupby("group", sort=True)["share"].mean().to_numpy()
    first = covered.drop(columns=["repeat", "group", "share"]).iloc[[0]].reset_index(drop=True)
    drawn = draw_groups(len(share), int(first["seed"].iloc[0]), N_BOOTSTRAP) @ share / len(share)
    low, high = np.quantile(drawn, [0.025, 0.975])
    measured = covered.drop_duplicates("repeat")[["coverage_groups", "coverage_rows", "width"]]
    return first.assign(
        level=LEVEL,
        **{str(name): value for name, value in measured.mean().items()},
        coverage_groups_low=low,
        coverage_groups_high=high,
    )


def _of_cell(rows: pd.DataFrame, prepared: Prepared) -> pd.DataFrame:
    n_repeats = len({fold.repeat for fold in prepared.folds})
    return rows.assign(**asdict(prepared.cell), n_folds=N_FOLDS, n_repeats=n_repeats)
