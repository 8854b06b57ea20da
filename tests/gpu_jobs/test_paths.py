"""Paths against searching everything, on made-up models whose scores are known."""

from itertools import combinations

import numpy as np
import pytest

from gpu_jobs.criteria import Relevance
from gpu_jobs.errors import ModelError, TaskError
from gpu_jobs.paths import at_random, beam, block, iterative, left, n_steps, one_shot

N = 9


def _model(seed: int) -> tuple[dict[frozenset[int], float], dict[frozenset[int], float]]:
    """Return accuracies and ties of every set of up to three removed layers, with interactions."""
    draw = np.random.default_rng(seed)
    alone, pairs = draw.random(N), draw.normal(0, 0.3, (N, N))
    found, ties = {}, {}
    for size in range(4):
        for layers in combinations(range(N), size):
            loss = sum(alone[list(layers)]) + sum(pairs[a, b] for a, b in combinations(layers, 2))
            found[frozenset(layers)] = round(1 - loss / 6, 1)
            ties[frozenset(layers)] = loss
    return found, ties


def _measure(seed: int):
    accuracy, ties = _model(seed)

    def measure(path: tuple[int, ...]) -> Relevance:
        sets = [frozenset((*path, layer)) for layer in left(path, N)]
        return Relevance(tuple(1 - accuracy[one] for one in sets), tuple(ties[one] for one in sets))

    return measure, lambda path: (accuracy[frozenset(path)], -ties[frozenset(path)])


@pytest.mark.parametrize("seed", range(10))
def test_paths_are_what_they_say(seed: int) -> None:
    measure, score = _measure(seed)
    greedy = iterative(N, 3, measure)
    for step in range(3):
        others = [(*greedy[:step], layer) for layer in left(greedy[:step], N)]
        assert score(greedy[: step + 1]) == max(map(score, others))
    alone = sorted(range(N), key=lambda layer: score((layer,)), reverse=True)
    assert one_shot(N, 3, measure) == tuple(alone[:3])
    assert beam(N, 3, measure, score, width=1) == greedy
    # With room for every set it is the best one of all.
    best = max(combinations(range(N), 3), key=score)
    assert set(beam(N, 3, measure, score, width=N * N)) == set(best)
    assert score(beam(N, 3, measure, score, width=4)) >= score(greedy)


def test_a_beam_leaves_sets_at_chance_behind() -> None:
    measure, score = _measure(0)
    first = beam(N, 1, measure, score, width=1)

    def undefined(*some: tuple[int, ...]):
        def found(path: tuple[int, ...]) -> Relevance:
            if path in some:
                raise TaskError(f"at chance without {path}")
            return measure(path)

        return found

    second = beam(N, 3, undefined(first), score, width=2)
    assert len(second) == 3
    assert second[:1] != first
    assert score(second) <= score(beam(N, 3, measure, score, width=N * N))
    with pytest.raises(TaskError, match="at chance without"):
        beam(N, 3, undefined(first), score, width=1)


def test_random_paths_and_blocks() -> None:
    assert at_random(N, 3, 5) == at_random(N, 6, 5)[:3]
    assert len({at_random(N, 4, seed) for seed in range(20)}) == 20
    distances = np.full((4, 4), np.nan)
    distances[0, 1], distances[1, 1], distances[2, 1] = 0.3, 0.1, 0.2
    assert block(distances, 2) == (1, 2)


def test_shares_that_leave_no_layer_are_refused() -> None:
    assert [n_steps(share, 30) for share in (0.25, 0.5, 0.01)] == [8, 15, 1]
    for share in (0.0, 1.0, 0.99, -1.0):
        with pytest.raises(ModelError, match=r"of 30 layers cannot be removed"):
            n_steps(share, 30)
