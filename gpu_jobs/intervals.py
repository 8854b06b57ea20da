"""Means over samples with 95 % intervals: the bootstrap over documents, subjects kept apart.

The score of a benchmark is the mean over its subjects of the mean over their documents; with one
subject that is the plain mean. The difference of two models is the score of the differences
document by document, so that its interval is a paired one.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

#: Draws of the bootstrap. The ends of an interval then move by about 1 % of its width by chance.
DRAWS = 10_000
_LEVEL = 0.95
_SEED = 20250918
#: Numbers held at once: 40 MB.
_CHUNK = 5_000_000


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval; the ends are None if one sample is all there is."""

    mean: float
    low: float | None
    high: float | None


def mean_interval(
    values: Sequence[float], subjects: Sequence[Hashable], bounds: tuple[float, float]
) -> Interval:
    """Return the mean over subjects of their means, with its percentile bootstrap interval.

    Each subject's n values are drawn n - 1 times with replacement, which makes the variance of
    the drawn means the unbiased estimate (n draws would make it too small by 1 - 1/n, half for
    a subject with two documents). Subjects with one value are pooled.

    Where no two values of a subject differ the bootstrap has nothing to draw from. Then a share
    of at most p = 1 - 0.025^(1/n) of all documents has other values with 97.5 % confidence, and
    the interval reaches from the mean that far to the bounds; for a score of 0 or 100 of n
    documents that is the exact interval of Clopper and Pearson.

    Args:
        values: one a sample.
        subjects: the subject of each sample.
        bounds: least and greatest possible value.

    Raises:
        ValueError: there is no value, or one is not finite.
    """
    numbers = np.asarray(values, dtype=float)
    if not numbers.size or not np.isfinite(numbers).all():
        raise ValueError("a mean needs values, all of them finite")
    groups: dict[Hashable, list[int]] = {}
    for number, subject in enumerate(subjects):
        groups.setdefault(subject, []).append(number)
    strata = [numbers[found] for found in groups.values()]
    mean = float(np.mean([stratum.mean() for stratum in strata]))
    single = [stratum for stratum in strata if stratum.size == 1]
    parts = [(1 / len(strata), stratum) for stratum in strata if stratum.size > 1]
    if single:
        parts.append((len(single) / len(strata), np.concatenate(single)))
    if any(stratum.size == 1 for _, stratum in parts):
        return Interval(mean, None, None)
    if all(np.ptp(stratum) == 0 for _, stratum in parts):
        share = 1 - ((1 - _LEVEL) / 2) ** (1 / numbers.size)
        low, high = (mean + share * (bound - mean) for bound in bounds)
        return Interval(mean, low, high)
    random = np.random.default_rng(_SEED)
    drawn = sum(weight * _drawn_means(stratum, random) for weight, stratum in parts)
    low, high = np.quantile(drawn, [(1 - _LEVEL) / 2, (1 + _LEVEL) / 2])
    return Interval(mean, float(low), float(high))


def _drawn_means(values: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return the means of `DRAWS` samples of size n - 1, shape (DRAWS,).

    How often each distinct value is drawn is multinomial, which for right and wrong answers
    takes two or three numbers a draw instead of n.
    """
    distinct, counts = np.unique(values, return_counts=True)
    size = values.size - 1
    rows = max(1, _CHUNK // distinct.size)
    chunks = [
        random.multinomial(size, counts / values.size, min(rows, DRAWS - start)) @ distinct
        for start in range(0, DRAWS, rows)
    ]
    means: np.ndarray = np.concatenate(chunks) / size
    return means
