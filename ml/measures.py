"""How good predictions are, and how sure one can be of it."""

import numpy as np
import pandas as pd

N_BOOTSTRAP = 1000
MEASURES = ("r2", "mae", "spearman", "gain")


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return R² (structure paper, equation 1): 1 − Σ(y − ŷ)² / Σ(y − mean y)².

    It is NaN, unknown, where all of `y` are equal.
    """
    if np.ptp(y) == 0:
        return float("nan")
    return float(1.0 - np.sum((y - predicted) ** 2) / np.sum((y - y.mean()) ** 2))


def mean_absolute_error(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean absolute error, in points of the score."""
    return float(np.mean(np.abs(y - predicted)))


def spearman(y: np.ndarray, predicted: np.ndarray) -> float:
    """Return Spearman's rank correlation; NaN where either side is constant."""
    ones = np.ones(len(y), dtype="int64")
    return float(_rank_correlation(_order(y), _order(predicted), ones))


def gain(y: np.ndarray, predicted: np.ndarray, baseline: np.ndarray) -> float:
    """Return 1 − Σ(y − ŷ)² / Σ(y − b)², b the mean of the rows that each fold was trained on.

    Above 0: better than knowing no feature at all. R² compares with the mean of the held-out rows
    instead, which nobody knows beforehand.
    """
    error = np.sum((y - baseline) ** 2)
    return float(1.0 - np.sum((y - predicted) ** 2) / error) if error > 0 else float("nan")


def group_bootstrap(
    y: np.ndarray, predicted: np.ndarray, groups: np.ndarray, seed: int
) -> dict[str, float]:
    """Return 95 % percentile intervals of R² and MAE, drawing whole groups with replacement.

    Rows of a group are near copies, so drawing rows would make the intervals far too narrow.

    Args:
        y: measured scores, shape (rows,).
        predicted: out-of-fold predictions, shape (rows,).
        groups: group of each row, shape (rows,).
        seed: seed of the draws.

    Returns:
        `r2_low`, `r2_high`, `mae_low`, `mae_high`.
    """
    codes, uniques = pd.factorize(groups)
    # Both measures follow from sums over groups, so that a draw is one product of counts and sums.
    error = y - predicted
    columns = np.stack([np.ones_like(y), y, y**2, error**2, np.abs(error)], axis=1)
    sums = np.zeros((len(uniques), columns.shape[1]))
    np.add.at(sums, codes, columns)
    draws = draw_groups(len(uniques), seed, N_BOOTSTRAP)
    n, total, squares, error_squares, error_sums = (draws @ sums).T
    spread = squares - total**2 / n
    r2_draws = 1.0 - error_squares[spread > 0] / spread[spread > 0]
    low, high = np.quantile(r2_draws, [0.025, 0.975])
    mae_low, mae_high = np.quantile(error_sums / n, [0.025, 0.975])
    return {
        "r2_low": float(low),
        "r2_high": float(high),
        "mae_low": float(mae_low),
        "mae_high": float(mae_high),
    }


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
    orders = _order(y), _order(predicted)
    ranks = [_rank_correlation(*orders, drawn[group]) for drawn in counts]
    measures = [1 - error_squares / spread, errors / n, ranks, 1 - error_squares / baseline_squares]
    return np.stack(measures, axis=1)


def _order(values: np.ndarray) -> np.ndarray:
    """Number the distinct values from lowest to highest."""
    return np.unique(values, return_inverse=True)[1]


def _rank_correlation(left: np.ndarray, right: np.ndarray, weight: np.ndarray) -> float:
    """Correlate mid-ranks as if each row stood there `weight` times."""
    centred = []
    for order in (left, right):
        at = np.bincount(order, weights=weight)
        # Ranks of all rows have the mean (n + 1) / 2, whatever the ties.
        ranks = (np.cumsum(at) - (at - 1) / 2)[order]
        centred.append(ranks - (weight.sum() + 1) / 2)
    one, other = centred
    spread = np.sqrt(np.sum(weight * one**2) * np.sum(weight * other**2))
    return float(np.sum(weight * one * other) / spread) if spread > 0 else float("nan")
