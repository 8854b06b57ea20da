"""A race finds the layer that scoring everything finds, as often as it says."""

import numpy as np
import pytest

from gpu_jobs.racing import race


def _outcomes(seed: int, n_layers: int, n_items: int) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    difficulty = draw.normal(size=n_items)
    skill = draw.normal(0.2, 0.7, size=n_layers)
    noise = draw.normal(0, 0.5, size=(n_layers, n_items))
    return (skill[:, None] + noise > difficulty).astype(float), noise


def _exact(scores: np.ndarray, ties: np.ndarray) -> int:
    keys = list(zip(scores.mean(axis=1), ties.mean(axis=1), range(len(scores)), strict=True))
    return max(range(len(scores)), key=lambda layer: keys[layer])


@pytest.mark.parametrize("n_items", [16, 20, 300, 1000])
def test_a_race_finds_what_scoring_everything_finds(n_items: int) -> None:
    same = cost = total = 0
    for seed in range(100):
        scores, ties = _outcomes(seed, 30, n_items)
        found = race(
            range(30),
            n_items,
            lambda layers, items, s=scores, t=ties: (
                s[np.ix_(layers, items)],
                t[np.ix_(layers, items)],
            ),
            error_rate=0.05,
            seed=seed,
        )
        same += found.winner == _exact(scores, ties)
        cost += found.evaluations
        total += 30 * n_items
    assert same >= 95
    if n_items == 16:
        assert (same, cost) == (100, total)
    if n_items >= 300:
        assert cost < 0.25 * total


def test_items_are_scored_once_and_losers_no_more() -> None:
    scores, ties = _outcomes(1, 12, 200)
    asked: list[tuple[int, int]] = []

    def score(layers: list[int], items: list[int]) -> tuple[np.ndarray, np.ndarray]:
        asked.extend((layer, item) for layer in layers for item in items)
        return scores[np.ix_(layers, items)], ties[np.ix_(layers, items)]

    found = race(range(12), 200, score, error_rate=0.05, seed=3)
    assert len(asked) == len(set(asked)) == found.evaluations < 12 * 200
    assert found.scored[found.winner] == max(found.scored.values())
