"""How good predictions are, and how sure one can be of it."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd

N_BOOTSTRAP = 1000
#: So many draws of a thousand rows stay in a processor's cache, which halves the time.
_DRAWS_AT_ONCE = 32
MEASURES = ("r2", "mae", "spearman", "gain")


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return R² (structure paper, equation 1): 1 − Σ(y − ŷ)² / Σ(y − mean y)².

    It is NaN, unknown, where all of `y` are equal.
    """
    if np.ptp(y) == 0:
        return float("nan")
    return float(1.0 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


def spearman(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return Spearman's rank correlation; NaN where either side is constant."""
    return float(_rank_correlations(_ranked(y, np.ones((1, len(y)))), predicted[None])[0, 0])


def gain(y: np.ndarray, predicted: np.ndarray, baseline: np.ndarray) -> float:
    """Return 1 − Σ(y − ŷ)² / Σ(y − b)², b the mean of the rows that each fold was trained on.

    Above 0: better than knowing no feature at all. R² compares with the mean of the held-out rows
    instead, which nobody knows beforehand.
    """
    error = np.sum((y - baseline) ** 2)
    return float(1.0 - np.sum((y - predicted) ** 2) / error) if error > 0 else float("nan")


def measure(predictions: pd.DataFrame, seed: int, n_draws: int = N_BOOTSTRAP) -> dict[str, float]:
    """Measure out-of-fold predictions, with 95 % percentile intervals.

    Each measure is the mean over repeats of its value in one repeat. A draw takes whole groups with
    replacement, the same ones in every repeat, and averages over repeats in the same way: repeats
    show how much chance is in the folds, they are no further data and do not narrow an interval.

    Args:
        predictions: rows of one cell, one a model and repeat, each repeat with the same models:
            `model_id`, `repeat`, `bootstrap_group`, `score`, `predicted_score`, `baseline_score`.
        seed: seed of the draws.
        n_draws: bootstrap draws.

    Returns:
        `r2`, `mae`, `spearman` and `gain`, of each `…_low`, `…_high` and `…_repeat_sd` (NaN of
        one repeat), and `n`, `n_groups`, `n_repeats`.
    """
    ordered = predictions.sort_values(["repeat", "model_id"])
    codes, uniques = pd.factorize(ordered["bootstrap_group"], sort=True)
    n_repeats = ordered["repeat"].nunique()
    shape = (n_repeats, -1)
    group = codes.reshape(shape)[0]
    y, predicted, baseline = (
        ordered[name].to_numpy(dtype="float64").reshape(shape)
        for name in ("score", "predicted_score", "baseline_score")
    )
    draws = _draws(y[0].tobytes(), group.tobytes(), len(uniques), seed, n_draws)
    by_repeat = _in_draws(y[0], predicted, baseline, group, draws)
    values = by_repeat.mean(axis=0)
    found: dict[str, float] = {}
    for column, name in enumerate(MEASURES):
        found[name] = float(values[0, column])
        known = values[1:, column][~np.isnan(values[1:, column])]
        low, high = np.quantile(known, [0.025, 0.975]) if len(known) else (np.nan, np.nan)
        found |= {f"{name}_low": float(low), f"{name}_high": float(high)}
        spread = by_repeat[:, 0, column].std(ddof=1) if n_repeats > 1 else np.nan
        found[f"{name}_repeat_sd"] = float(spread)
    return found | {"n": y.shape[1], "n_groups": len(uniques), "n_repeats": n_repeats}


def draw_groups(n_groups: int, seed: int, n_draws: int) -> np.ndarray:
    """Draw groups with replacement; returns how often each was drawn, shape (draws, groups)."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(n_groups, [1 / n_groups] * n_groups, n_draws)


@dataclass(frozen=True)
class _Ranked:
    """Some draws: how often each has a row, mid-ranks of `y` so weighted, and their variance.

    Attributes:
        weight: shape (rows, draws), so that what is looked up lies side by side.
        weighted: mid-ranks less their mean times the weight, of the same shape.
        variance: sum of the weighted squares, shape (draws,).
    """

    weight: np.ndarray
    weighted: np.ndarray
    variance: np.ndarray


@dataclass(frozen=True)
class _Draws:
    """How often each draw has each group, shape (draws, groups), the first all of them once."""

    counts: np.ndarray
    ranked: list[_Ranked]


@lru_cache(maxsize=4)
def _draws(y: bytes, group: bytes, n_groups: int, seed: int, n_draws: int) -> _Draws:
    """Draw groups of rows; cells of one split share rows and draws, and so the ranks of `y`."""
    drawn = draw_groups(n_groups, seed, n_draws)
    counts = np.vstack([np.ones(n_groups, dtype="int64"), drawn])
    rows = np.frombuffer(group, dtype="int64")
    return _Draws(counts, _ranked(np.frombuffer(y), counts[:, rows]))


def _in_draws(
    y: np.ndarray,
    predicted: np.ndarray,
    baseline: np.ndarray,
    group: np.ndarray,
    draws: _Draws,
) -> np.ndarray:
    """Return the four measures of each draw of groups, shape (repeats, draws, 4).

    Args:
        y: scores, shape (rows,).
        predicted: predictions, shape (repeats, rows).
        baseline: mean of the rows that trained, shape (repeats, rows).
        group: number of each row's group, shape (rows,).
        draws: of these groups.
    """
    found = []
    counts = draws.counts
    ranks = _rank_correlations(draws.ranked, predicted)
    for one, base, rank in zip(predicted, baseline, ranks, strict=True):
        error = y - one
        parts = [np.ones_like(y), y, y**2, error**2, np.abs(error), (y - base) ** 2]
        sums = np.zeros((counts.shape[1], len(parts)))
        np.add.at(sums, group, np.stack(parts, axis=1))
        n, total, squares, error_squares, errors, baseline_squares = (counts @ sums).T
        spread = squares - total**2 / n
        # What is left of equal scores after rounding is no spread.
        spread[spread <= 1e-9 * squares] = np.nan
        baseline_squares[baseline_squares <= 0] = np.nan
        measures = [1 - error_squares / spread, errors / n, rank]
        found.append(np.stack([*measures, 1 - error_squares / baseline_squares], axis=1))
    return np.stack(found)


def _ranked(y: np.ndarray, weight: np.ndarray) -> list[_Ranked]:
    """Rank `y` in draws, some at once.

    Args:
        y: values, shape (rows,).
        weight: how often each row stands there, shape (draws, rows).
    """
    laid_out, found = _order(y), []
    for start in range(0, len(weight), _DRAWS_AT_ONCE):
        rows = np.ascontiguousarray(weight[start : start + _DRAWS_AT_ONCE].T, dtype="float64")
        centred = _centred_ranks(rows, *laid_out)
        weighted = rows * centred
        found.append(_Ranked(rows, weighted, np.sum(weighted * centred, axis=0)))
    return found


def _rank_correlations(ranked: list[_Ranked], others: np.ndarray) -> np.ndarray:
    """Correlate mid-ranks of `y` and others as if rows stood there as often as each draw has them.

    Args:
        ranked: `y` in draws.
        others: values, shape (repeats, rows).

    Returns:
        Correlations of shape (repeats, draws).
    """
    found = []
    for values in others:
        laid_out = _order(values)
        correlations = []
        for some in ranked:
            other = _centred_ranks(some.weight, *laid_out)
            variance = np.einsum("ij,ij,ij->j", some.weight, other, other)
            spread = np.sqrt(some.variance * variance)
            spread[spread <= 0] = np.nan
            correlations.append(np.einsum("ij,ij->j", some.weighted, other) / spread)
        found.append(np.concatenate(correlations))
    return np.stack(found)


def _order(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the ascending order, where in it each distinct value starts, and each row's value."""
    order = np.argsort(values, kind="stable")
    starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
    return order, starts, np.unique(values, return_inverse=True)[1]


def _centred_ranks(
    weight: np.ndarray, order: np.ndarray, starts: np.ndarray, inverse: np.ndarray
) -> np.ndarray:
    """Return mid-ranks less their mean, shape (rows, draws), of rows that stand there `weight`."""
    sorted_weight = weight[order]
    at = sorted_weight
    if len(starts) < len(order):
        at = np.add.reduceat(sorted_weight, starts, axis=0)
    # Ranks of all rows have the mean (n + 1) / 2, whatever the ties.
    ranks = np.cumsum(at, axis=0) - (at - 1) / 2 - (weight.sum(axis=0) + 1) / 2
    return ranks[inverse]
