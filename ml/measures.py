"""How good predictions are, and how sure one can be of it."""

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
    return float(_rank_correlations(y, predicted, np.ones((1, len(y))))[0])


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
    drawn = draw_groups(len(uniques), seed, n_draws)
    counts = np.vstack([np.ones(len(uniques), dtype="int64"), drawn])
    by_repeat = np.stack(
        [_in_draws(*one, group, counts) for one in zip(y, predicted, baseline, strict=True)]
    )
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


def _in_draws(
    y: np.ndarray,
    predicted: np.ndarray,
    baseline: np.ndarray,
    group: np.ndarray,
    counts: np.ndarray,
) -> np.ndarray:
    """Return the four measures of each draw of groups, shape (draws, 4)."""
    error = y - predicted
    parts = [np.ones_like(y), y, y**2, error**2, np.abs(error), (y - baseline) ** 2]
    sums = np.zeros((counts.shape[1], len(parts)))
    np.add.at(sums, group, np.stack(parts, axis=1))
    n, total, squares, error_squares, errors, baseline_squares = (counts @ sums).T
    spread = squares - total**2 / n
    # What is left of equal scores after rounding is no spread.
    spread[spread <= 1e-9 * squares] = np.nan
    baseline_squares[baseline_squares <= 0] = np.nan
    ranks = [
        _rank_correlations(y, predicted, counts[start : start + _DRAWS_AT_ONCE, group])
        for start in range(0, len(counts), _DRAWS_AT_ONCE)
    ]
    measures = [1 - error_squares / spread, errors / n, np.concatenate(ranks)]
    return np.stack([*measures, 1 - error_squares / baseline_squares], axis=1)


def _rank_correlations(left: np.ndarray, right: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Correlate mid-ranks as if rows stood there as often as each draw has them.

    Args:
        left: values, shape (rows,).
        right: values, shape (rows,).
        weight: how often each row stands there, shape (draws, rows).
    """
    # Rows first, so that what is looked up lies side by side.
    weight = np.ascontiguousarray(weight.T, dtype="float64")
    total = weight.sum(axis=0)
    centred = []
    for values in (left, right):
        order = np.argsort(values, kind="stable")
        # Where each distinct value starts, from lowest to highest.
        starts = np.flatnonzero(np.diff(values[order], prepend=-np.inf))
        at = np.add.reduceat(weight[order], starts, axis=0)
        # Ranks of all rows have the mean (n + 1) / 2, whatever the ties.
        ranks = np.cumsum(at, axis=0) - (at - 1) / 2 - (total + 1) / 2
        centred.append(ranks[np.unique(values, return_inverse=True)[1]])
    one, other = centred
    weighted = weight * one
    spread = np.sqrt(np.sum(weighted * one, axis=0) * np.sum(weight * other**2, axis=0))
    spread[spread <= 0] = np.nan
    return np.sum(weighted * other, axis=0) / spread
