"""Which layers go: given ones, the least influential ones, or random ones."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.errors import ModelError
from gpu_jobs.surgery import check_layers, parse_layers


@dataclass(frozen=True)
class Selection:
    """Layers to remove, and how they were chosen.

    Attributes:
        kind: `given`, `block_influence` or `random`.
        layers: their numbers from 0, ascending.
        seed: of a random draw, else None.
    """

    kind: str
    layers: tuple[int, ...]
    seed: int | None = None

    @property
    def text(self) -> str:
        """The numbers, parted by spaces."""
        return " ".join(map(str, self.layers))


def given(text: str, n_layers: int) -> Selection:
    """Read layer numbers such as `21-29` or `3,7,21-24`.

    Raises:
        ModelError: the text holds something else, or the model has no such layer or no other.
    """
    return Selection("given", check_layers(parse_layers(text), n_layers))


def least_influential(values: Sequence[float], n: int) -> Selection:
    """Choose the `n` layers with the lowest block influence; of equal ones the first.

    Raises:
        ModelError: the model has no more than `n` layers.
    """
    if n >= len(values):
        raise _too_many(n, len(values))
    order = sorted(range(len(values)), key=lambda layer: (values[layer], layer))
    return Selection("block_influence", tuple(sorted(order[:n])))


def drawn(n: int, seed: int, n_layers: int) -> Selection:
    """Draw `n` layers at random, the same ones for the same seed.

    Raises:
        ModelError: the model has no more than `n` layers.
    """
    if n >= n_layers:
        raise _too_many(n, n_layers)
    order = np.random.default_rng([seed, n]).permutation(n_layers)
    return Selection("random", tuple(sorted(order[:n].tolist())), seed)


def _too_many(n: int, n_layers: int) -> ModelError:
    return ModelError(
        f"{n} layers cannot be removed from a model with {n_layers}: "
        f"keep at least one, so remove at most {n_layers - 1}."
    )
