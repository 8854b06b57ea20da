"""Finding the layer to remove without scoring every removal on every item: racing."""

import math
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
    first: int = 16,
) -> Race:
    """Find the layer whose removal leaves the highest mean score over all items.

    Items come in random order, half as many more each round. After each round the layers that are
    farthest behind the leader leave. Each takes with it the chance that over all items it is as
    good, by its paired differences from the leader; together those that leave take no more than
    the rounds so far are allowed of `error_rate`, all rounds the same and what is left over later.
    So layers that are clearly behind, which cost next to nothing, leave room for closer ones.
    Layers that are left when all items are used are compared as they are, which is exact; of equal
    ones the ties decide, then the last layer.

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
        ends.append(math.ceil(1.5 * ends[-1]))
    # The last round takes what is left.
    ends[-1] = n_items
    alive = list(layers)
    seen = {layer: (np.zeros(0), np.zeros(0)) for layer in layers}
    done, spent = 0, 0.0
    for number, end in enumerate(ends, start=1):
        made, ties = score(alive, order[done:end].tolist())
        for layer, values, more in zip(alive, made, ties, strict=True):
            before, ties_before = seen[layer]
            seen[layer] = np.append(before, values), np.append(ties_before, more)
        done = end
        if done < n_items:
            leader = _best(alive, seen)
            chances = {
                layer: _chance(seen[leader][0] - seen[layer][0], n_items)
                for layer in alive
                if layer != leader
            }
            allowed = error_rate * number / (len(ends) - 1)
            for layer in sorted(chances, key=chances.__getitem__):
                if spent + chances[layer] > allowed:
                    break
                spent += chances[layer]
                alive.remove(layer)
        if len(alive) == 1:
            break
    return Race(
        _best(alive, seen),
        {layer: len(values) for layer, (values, _) in seen.items()},
        {layer: float(values.mean()) for layer, (values, _) in seen.items()},
        {layer: float(ties.mean()) for layer, (_, ties) in seen.items()},
    )


def _chance(difference: np.ndarray, n_items: int) -> float:
    """Return how likely differences as large are if over all items there is none.

    One-sided and normal, for a sample drawn without replacement, with two pseudo-items that differ,
    one each way, so that few equal answers prove nothing.
    """
    n = len(difference)
    squares = np.square(difference).sum() + 2
    variance = squares / (n + 2) - (difference.sum() / (n + 2)) ** 2
    unseen = (n_items - n) / (n_items - 1)
    return float(norm.sf(difference.mean() / np.sqrt(unseen * variance / n)))


def _best(alive: Sequence[int], seen: dict[int, tuple[np.ndarray, np.ndarray]]) -> int:
    return max(alive, key=lambda layer: (*(float(v.mean()) for v in seen[layer]), layer))
