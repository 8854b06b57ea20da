"""Orders of removing layers: greedy, in one shot, at random, as a block, by beam search."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gpu_jobs.criteria import Relevance
from gpu_jobs.errors import ModelError, TaskError

#: Numbers of layers, as the whole model counts them, in the order of their removal.
Path = tuple[int, ...]
#: Relevance of the layers that are left when some are removed, in ascending order.
Measure = Callable[[Path], Relevance]


def n_steps(share: float, n_layers: int) -> int:
    """Return how many layers a share is, rounded, at least one.

    Raises:
        ModelError: none would be left.
    """
    steps = max(1, round(share * n_layers))
    if not 0 < share < 1 or steps >= n_layers:
        raise ModelError(
            f"A share of {share:g} of {n_layers} layers cannot be removed: give one between 0 "
            f"and 1 that leaves a layer, such as 0.25."
        )
    return steps


def left(removed: Sequence[int], n_layers: int) -> list[int]:
    """Return the numbers of the layers that are left, ascending."""
    gone = set(removed)
    return [layer for layer in range(n_layers) if layer not in gone]


def iterative(n_layers: int, steps: int, measure: Measure, path: Path = ()) -> Path:
    """Remove the least relevant layer, measure again, and so on (the paper, section 6).

    Args:
        n_layers: layers of the whole model.
        steps: layers to remove.
        measure: called once a step.
        path: the first steps, if they are known.
    """
    while len(path) < steps:
        path += (left(path, n_layers)[measure(path).least],)
    return path


def one_shot(n_layers: int, steps: int, measure: Measure) -> Path:
    """Remove the layers that matter least in the whole model, measured once."""
    found = measure(())
    order = sorted(
        range(n_layers), key=lambda layer: (found.values[layer], found.ties[layer], -layer)
    )
    return tuple(order[:steps])


def at_random(n_layers: int, steps: int, seed: int) -> Path:
    """Remove layers in random order; a longer path with the same seed begins with the shorter."""
    order = np.random.default_rng(seed).permutation(n_layers)
    return tuple(order[:steps].tolist())


def block(distances: np.ndarray, steps: int) -> Path:
    """Remove the block of adjacent layers that changes its input least (Gromov et al., 2025).

    Args:
        distances: entry (l, n - 1) is the distance of what enters layer l from what leaves
            layer l + n - 1, shape (layers, layers); nan where there is no such layer.
        steps: layers of the block.
    """
    first = int(np.nanargmin(distances[:, steps - 1]))
    return tuple(range(first, first + steps))


def beam(
    n_layers: int, steps: int, measure: Measure, score: Callable[[Path], Any], width: int
) -> Path:
    """Keep the `width` best sets of removed layers at each step; return the best last one.

    Args:
        n_layers: layers of the whole model.
        steps: layers to remove.
        measure: as in `iterative`; called for each kept set, so at most `width` times a step.
        score: of a set, the larger the better, to compare sets that differ in more than a layer;
            for relevance by accuracy the accuracy that is left.
        width: sets kept; 1 is `iterative`.

    Raises:
        TaskError: relevance is undefined in all sets that are kept. A single such set is left
            behind.
    """
    kept: list[Path] = [()]
    for _ in range(steps):
        wider: dict[frozenset[int], Path] = {}
        undefined: list[TaskError] = []
        for path in kept:
            try:
                found = measure(path)
            except TaskError as error:
                undefined.append(error)
                continue
            order = sorted(
                range(len(found.values)),
                key=lambda place: (found.values[place], found.ties[place], -place),
            )
            names = left(path, n_layers)
            for place in order[:width]:
                longer = (*path, names[place])
                wider.setdefault(frozenset(longer), longer)
        if not wider:
            raise undefined[0]
        kept = sorted(wider.values(), key=score, reverse=True)[:width]
    return kept[0]
