"""Pseudo-random numbers of (seed, index), for one model or for an array of all of them."""

from typing import Any, TypeVar

import numpy as np

_Index = TypeVar("_Index", int, np.ndarray)

_MASK = 2**64 - 1
#: The Hub's createdAt begins on this day, 2022-03-02T23:29:04Z; the newest model is of 2026-10-01.
_FIRST, _LAST = 1_646_263_744_000, 1_790_812_800_000
#: One in so many models has results in `.eval_results/`.
EVALUATED_ONE_IN = 50


def mix(seed: int, index: _Index, salt: int) -> _Index:
    """Return 64 pseudo-random bits (splitmix64), of one index or of an array of uint64."""
    start = ((seed + 1) * 0xD1B54A32D192ED03 + salt * 0x8CB92BA72F3D8DD7) & _MASK
    x = (index * 0x9E3779B97F4A7C15 + start) & _MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def created_ms(seed: int, index: _Index) -> _Index:
    """Return when the repo was made, in milliseconds since 1970."""
    return mix(seed, index, 1) % (_LAST - _FIRST) + _FIRST


def modified_ms(seed: int, index: _Index) -> _Index:
    """Return the time of the newest commit, up to 90 days after the repo was made."""
    return created_ms(seed, index) + mix(seed, index, 2) % (90 * 86_400_000)


def skewed(seed: int, index: _Index, salt: int, bits: int) -> _Index:
    """Return counts below `2 ** bits` of which most are small, as likes and downloads are."""
    return (mix(seed, index, salt) >> (64 - bits)) >> (mix(seed, index, salt + 1) % bits)


#: The API's sort keys, each from (seed, index or array of indices).
SORT_KEYS = {
    "createdAt": created_ms,
    "lastModified": modified_ms,
    "downloads": lambda seed, index: skewed(seed, index, 10, 30),
    "likes": lambda seed, index: skewed(seed, index, 12, 14),
    "trendingScore": lambda seed, index: skewed(seed, index, 14, 10),
}


def is_evaluated(seed: int, index: _Index) -> Any:
    """Tell of a model (or each of many) whether it holds evaluation results."""
    return mix(seed, index, 35) % EVALUATED_ONE_IN == 0
