"""How predictions move with one feature: accumulated local effects (Apley and Zhu, 2020).

Partial dependence would ask the model about wide models of few layers, which nobody has built;
accumulated local effects only compare neighbouring values on rows that have about these values.
scikit-learn has partial dependence alone.
"""

from typing import Any

import numpy as np
import pandas as pd

from ml.regressors import one_thread

#: Features whose effect is stored.
FEATURES = ("layers", "d_ffn")
N_INTERVALS = 10


def grid(values: pd.Series, n_intervals: int = N_INTERVALS) -> np.ndarray:
    """Return values of a feature that part its known rows into about equal shares, ascending."""
    known = values.dropna().to_numpy(dtype="float64")
    shares = np.linspace(0, 1, n_intervals + 1)
    return np.unique(np.quantile(known, shares, method="inverted_cdf"))


def accumulated_effects(
    model: Any, x: pd.DataFrame, feature: str, edges: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the effect at each edge, in points of the score, and the rows each step rests on.

    The effect at an edge is the sum of the steps up to it; a step is the mean difference of the
    predictions of the interval's rows at its two ends. The mean over rows is 0. A step that no
    row is in counts as none.

    Args:
        model: a fitted regressor.
        x: its features, one row a model; those that do not know the feature are left out.
        feature: name of the column.
        edges: ascending values, shape (intervals + 1,).

    Returns:
        Two arrays of shape (intervals + 1,); the first edge's rows are those at it or below.
    """
    rows = x[x[feature].notna()]
    interval = np.searchsorted(edges, rows[feature].to_numpy(dtype="float64"), side="left")
    inside = interval.clip(1, len(edges) - 1)
    ends = [rows.assign(**{feature: edges[inside - back]}) for back in (1, 0)]
    with one_thread():
        lower, upper = np.split(model.predict(pd.concat(ends)), 2)
    n_rows = np.bincount(inside, minlength=len(edges))
    sums = np.bincount(inside, weights=upper - lower, minlength=len(edges))
    effects = np.cumsum(sums / np.maximum(n_rows, 1))
    middles = (effects[inside - 1] + effects[inside]) / 2
    at_or_below = np.bincount(interval.clip(0, len(edges) - 1), minlength=len(edges))
    return effects - middles.mean(), at_or_below
