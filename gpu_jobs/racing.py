"""Finding the layer to remove without scoring every removal on every item: racing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

#: Returns scores, shape (layers, items), and their ties, same shape, of removals on items.
Score = Callable[[Sequence[int], Sequence[int]], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Race:
    """How a layer was found.

    Attributes:
        winner: the layer whose removal leaves the highest score.
        scored: number of items each layer was scored on.
        mean: mean score of each layer on those items.
        tie: mean tie of each layer on those items.
    """

    winner: int
    scored: dict[int, int]
    mean: dict[int, float]
    tie: dict[int, float]

    @property
    def evaluations(self) -> int:
        """Pairs of a layer and an item that were scored."""
        return sum(self.scored.values())


def race(
    layers: Sequence[int],
    n_items: int,
    score: Score,
    *,
    error_rate: float,
    seed: int,
    first: int = 32,
) -> Race:
    """Find the layer whose removal leaves the highest mean score over all items.

    Items come in random order. After each round, which doubles their number, a layer leaves when
    its mean is below the leader's by more than the paired difference's standard error allows:
    one-sided normal bounds at `error_rate` over all comparisons (Bonferroni), with the correction
    for drawing without replacement and two pseudo-items that differ, so that few equal answers
    prove nothing. Layers that are left when all items are used are compared as they are, which is
    exact; of equal ones the ties decide, then the last layer.

    Args:
        layers: the candidates.
        n_items: number of items.
        score: scores some layers on some items, by their numbers.
        error_rate: probability, about, that another layer than that of all items is found.
        seed: of the items' order.
        first: items of the first round.
    """
    order = np.random.default_rng(seed).permutation(n_items)
    ends = [first]
    while ends[-1] < n_items:
        ends.append(ends[-1] * 2)
    # The last round takes what is left.
    ends[-1] = n_items
    level = error_rate / (len(ends) * max(1, len(layers) - 1))
    bound = float(norm.isf(level))
    alive = list(layers)
    seen = {layer: (np.zeros(0), np.zeros(0)) for layer in layers}
    done = 0
    for end in ends:
        made, ties = score(alive, order[done:end].tolist())
        for layer, values, more in zip(alive, made, ties, strict=True):
            before, ties_before = seen[layer]
            seen[layer] = np.append(before, values), np.append(ties_before, more)
        done = end
        leader = _best(alive, seen)
        if done < n_items:
            alive = [
                layer
                for layer in alive
                if layer == leader or not _behind(seen[leader][0] - seen[layer][0], n_items, bound)
            ]
        if len(alive) == 1:
            break
    return Race(
        _best(alive, seen),
        {layer: len(values) for layer, (values, _) in seen.items()},
        {layer: float(values.mean()) for layer, (values, _) in seen.items()},
        {layer: float(ties.mean()) for layer, (_, ties) in seen.items()},
    )


def _behind(difference: np.ndarray, n_items: int, bound: float) -> bool:
    n = len(difference)
    # Two pseudo-items, one each way.
    spread = np.sqrt(max((np.square(difference).sum() + 2) / (n + 2) - difference.mean() ** 2, 0.0))
    left = np.sqrt(max(0.0, (n_items - n) / max(1, n_items - 1)))
    return bool(difference.mean() > bound * left * spread / np.sqrt(n))


def _best(alive: Sequence[int], seen: dict[int, tuple[np.ndarray, np.ndarray]]) -> int:
    return max(alive, key=lambda layer: (*(float(v.mean()) for v in seen[layer]), layer))
