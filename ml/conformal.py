"""Prediction intervals with a promise: conformal prediction on whole groups held out.

Rows of a structure group are near copies, so rows are not exchangeable, but groups are nearly.
Intervals therefore rest on residuals of groups that a model never saw, each group with the same
weight however many copies it holds (hierarchical conformal prediction: Lee, Barber and Willett,
arXiv 2306.06342). A forest whose trees draw whole groups has such residuals at hand: each group's
from the trees that did not draw it (out-of-bag calibration: Johansson et al., Machine Learning 97,
2014; jackknife+-after-bootstrap: Kim, Xu and Barber, arXiv 2002.09025). So all groups fit and all
calibrate, with trees that saw as many groups as those that predict. MAPIE takes groups for its
folds but weighs rows alike, so that one base model with many copies would set the width for all;
crepes weighs rows alike too. Hence this small module rather than either.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ml.forest import Forest
from ml.regressors import random_forest
from ml.splits import N_FOLDS, folds
from modelstrata.errors import NotEnoughData

LEVEL = 0.9
#: What the tables call a random forest whose trees draw whole structure groups.
REGRESSOR = "group_forest"
#: Takes features, scores, groups, a seed and new rows; returns `predicted`, `low` and `high`.
Intervals = Callable[[pd.DataFrame, np.ndarray, pd.Series, int, pd.DataFrame], pd.DataFrame]


@dataclass(frozen=True)
class GroupConformal:
    """A fitted forest and the width of its intervals.

    Attributes:
        forest: what predicts.
        half_width: half the width of every interval, in points of the score, before it is cut.
        level: share of new rows that the intervals shall hold, 0 to 1.
        bounds: lowest and highest possible score.
    """

    forest: Forest
    half_width: float
    level: float = LEVEL
    bounds: tuple[float, float] = (0.0, 100.0)

    def predict(self, x: pd.DataFrame) -> pd.DataFrame:
        """Return `predicted`, `low` and `high`, one row a row of `x`."""
        predicted = self.forest.predict(x)
        ends = {
            "predicted": predicted,
            "low": predicted - self.half_width,
            "high": predicted + self.half_width,
        }
        return pd.DataFrame(ends, index=x.index).clip(*self.bounds)


def fit_conformal(
    x: pd.DataFrame,
    y: np.ndarray,
    groups: pd.Series | np.ndarray,
    seed: int,
    *,
    level: float = LEVEL,
) -> GroupConformal:
    """Fit a forest of whole groups, and its intervals on what its trees did not see.

    The half width is the quantile of |y - ŷ| out of bag below which, of G groups, the weight of
    `level` (G + 1) lies: were groups exchangeable, a new one would be covered with probability
    `level`. Between two residuals it is interpolated (the sixth definition of Hyndman and Fan,
    1996), since with 25 groups rounding up alone would add two points of coverage.

    Args:
        x: features, one row a model.
        y: scores, shape (rows,).
        groups: group of each row.
        seed: seed of the forest.
        level: share of new rows that intervals shall hold, each group of the same weight.

    Raises:
        NotEnoughData: too few groups for a bounded interval at this level.
    """
    size = pd.Series(np.asarray(groups)).groupby(np.asarray(groups)).transform("size").to_numpy()
    n_groups = len(np.unique(groups))
    if (n_groups + 1) * (1 - level) < 1 - 1e-9:
        needed = int(np.ceil(1 / (1 - level) - 1e-9)) - 1
        raise NotEnoughData(
            f"Intervals at {level:.0%} need at least {needed} groups to calibrate on, there are "
            f"{n_groups}: land configs of other structures, or ask for a lower level."
        )
    forest = random_forest(seed).fit(x, y, groups)
    residual = np.abs(y - forest.oob_prediction_)
    order = np.argsort(residual, kind="stable")
    weight = np.cumsum(1 / size[order])
    half_width = np.interp(level * (n_groups + 1), weight, residual[order])
    return GroupConformal(forest, float(half_width), level)


def conformal_intervals(
    x: pd.DataFrame, y: np.ndarray, groups: pd.Series, seed: int, new: pd.DataFrame
) -> pd.DataFrame:
    """Return the intervals that `fit_conformal` gives new rows; see `Intervals`."""
    return fit_conformal(x, y, groups, seed).predict(new)


def coverage(
    x: pd.DataFrame,
    y: np.ndarray,
    groups: pd.Series | np.ndarray,
    seed: int,
    intervals: Intervals = conformal_intervals,
) -> tuple[dict[str, float], pd.DataFrame]:
    """Measure how often intervals hold the scores of groups that nothing was fitted on.

    Every group is held out once, fold by fold: the intervals are made anew from the groups of the
    other folds.

    Returns:
        `coverage_groups` (mean over groups of the share of rows covered, which weighing by groups
        promises), `coverage_rows`, `width` (mean, in points of the score), `n`, `n_groups`; and one
        row a row of `x`: `fold`, `score`, `predicted`, `low`, `high`, `is_covered`.

    Raises:
        NotEnoughData: too few groups.
    """
    groups = pd.Series(np.asarray(groups), index=x.index)
    fold = folds(groups, "grouped_structure", seed)
    parts = []
    for number in range(N_FOLDS):
        held_out = fold == number
        known = (x[~held_out], y[~held_out], groups[~held_out], seed + number)
        found = intervals(*known, x[held_out])
        parts.append(found.assign(fold=number, score=y[held_out]))
    rows = pd.concat(parts).loc[x.index]
    rows["is_covered"] = rows["score"].between(rows["low"], rows["high"])
    measured = {
        "coverage_groups": float(rows["is_covered"].groupby(groups).mean().mean()),
        "coverage_rows": float(rows["is_covered"].mean()),
        "width": float((rows["high"] - rows["low"]).mean()),
        "n": len(rows),
        "n_groups": int(groups.nunique()),
    }
    return measured, rows
