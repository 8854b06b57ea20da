"""Measuring again only the layers that could be the least relevant (Minoux, 1978, lazy greedy).

The relevance that a layer had one step earlier is taken as the least that it can have now. So the
layers that were least relevant are measured first, and when the best of these is at most what the
next one had, no other can be better. That is exact where no layer ever matters less once others
are gone, and approximate where some do.
"""

from collections.abc import Callable, Sequence

from gpu_jobs.criteria import Relevance

#: Layers that are measured in the first round; each later round takes twice as many.
_FIRST = 2


def lazily(
    stale: Relevance, measure: Callable[[Sequence[int]], Relevance]
) -> tuple[Relevance, list[bool]]:
    """Return the relevance of layers, measured or as it was, and which of them were measured.

    Args:
        stale: relevance one step earlier.
        measure: returns the relevance of some layers, by their place, in the order given.
    """
    order = sorted(range(len(stale.values)), key=lambda place: _rank(stale, place))
    values, ties = list(stale.values), list(stale.ties)
    fresh = [False] * len(order)
    done, size = 0, _FIRST
    while done < len(order):
        some = order[done : done + size]
        found = measure(some)
        for place, value, tie in zip(some, found.values, found.ties, strict=True):
            values[place], ties[place], fresh[place] = value, tie, True
        done += len(some)
        size *= 2
        now = Relevance(tuple(values), tuple(ties))
        best = min(_rank(now, place) for place in order[:done])
        if done < len(order) and best <= _rank(stale, order[done]):
            break
    return Relevance(tuple(values), tuple(ties)), fresh


def _rank(relevance: Relevance, place: int) -> tuple[float, float, int]:
    """Order as `Relevance.least` does."""
    return relevance.values[place], relevance.ties[place], -place
