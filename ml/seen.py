"""How far a structure lies from those that were seen, in doublings.

Structural columns grow by factors, so that distances are taken between their logarithms: 1 means
that they differ, in the root mean square, by a factor of two.
"""

from dataclasses import dataclass

import numpy as np

#: Columns that a distance is taken over; the date has a sentence of its own.
DISTANCE_FEATURES = ("size", "layers", "d_model", "d_ffn", "heads")
#: A structure farther from all others than this share of the seen ones is called unlike them.
_UNUSUAL = 0.9


@dataclass(frozen=True)
class Outside:
    """How a structure lies to what was seen.

    Attributes:
        beyond: by feature, (value, lowest seen, highest seen) where it lies outside.
        distance: doublings to the nearest structure seen, NaN if nothing can be compared.
        farther_than: share of seen structures that have a nearer neighbour than this one, 0 to 1.
        is_outside: whether anything of it lies outside.
    """

    beyond: dict[str, tuple[float, float, float]]
    distance: float
    farther_than: float
    is_outside: bool


def distances(x: np.ndarray, others: np.ndarray, features: list[str]) -> np.ndarray:
    """Return the distance of each row of `x` to each of `others`, shape (rows, others).

    Unknown values are left out; NaN where two rows have none in common.
    """
    columns = [features.index(name) for name in DISTANCE_FEATURES]
    with np.errstate(divide="ignore", invalid="ignore"):
        left, right = (np.log2(part[:, columns]) for part in (x, others))
        squares = (left[:, None, :] - right[None, :, :]) ** 2
        known = np.isfinite(squares)
        total = np.where(known, squares, 0.0).sum(axis=2)
        return np.sqrt(total / known.sum(axis=2))


def structures(x: np.ndarray, features: list[str]) -> np.ndarray:
    """Number the distinct structures (layers, width, feed-forward, heads), one number a row."""
    columns = [features.index(name) for name in ("layers", "d_model", "d_ffn", "heads")]
    return np.unique(np.nan_to_num(x[:, columns]), axis=0, return_inverse=True)[1].ravel()


def spacing(x: np.ndarray, groups: np.ndarray, features: list[str]) -> np.ndarray:
    """Return how far each group lies from the nearest row of another group, sorted."""
    apart = distances(x, x, features)
    apart[groups[:, None] == groups[None, :]] = np.inf
    nearest = np.where(np.isnan(apart), np.inf, apart).min(axis=1)
    per_group = [nearest[groups == group].min() for group in np.unique(groups)]
    return np.sort(np.asarray([one for one in per_group if np.isfinite(one)]))


def outside(row: np.ndarray, seen: np.ndarray, gaps: np.ndarray, features: list[str]) -> Outside:
    """Compare one structure, shape (features,), with the rows seen on a leaderboard."""
    beyond = {}
    for column, name in enumerate(features):
        known = seen[:, column][~np.isnan(seen[:, column])]
        if (
            len(known)
            and not np.isnan(row[column])
            and not known.min() <= row[column] <= known.max()
        ):
            beyond[name] = (float(row[column]), float(known.min()), float(known.max()))
    apart = distances(row[None], seen, features)[0]
    apart = apart[~np.isnan(apart)]
    distance = float(apart.min()) if len(apart) else float("nan")
    farther = float(np.searchsorted(gaps, distance, side="left") / max(len(gaps), 1))
    return Outside(beyond, distance, farther, bool(beyond) or not farther <= _UNUSUAL)
