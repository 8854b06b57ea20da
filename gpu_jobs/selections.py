"""Which layers go: given ones, the least influential ones, or random ones."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpu_jobs.errors import ModelError


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
    layers: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,6})(?:-(\d{1,6}))?\s*", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise ModelError(f"{text!r} names no layers: give --layers 21-29 or 3,7,21-24.")
        if last >= n_layers:
            raise ModelError(
                f"There is no layer {last}: the model's layers are 0 to {n_layers - 1}, so give "
                "--layers in that range."
            )
        layers.update(range(first, last + 1))
    return _checked("given", sorted(layers), n_layers)


def least_influential(values: Sequence[float], n: int) -> Selection:
    """Choose the `n` layers with the lowest block influence; of equal ones the first.

    Raises:
        ModelError: the model has no more than `n` layers.
    """
    order = sorted(range(len(values)), key=lambda layer: (values[layer], layer))
    return _checked("block_influence", sorted(order[:n]), len(values), n)


def drawn(n: int, seed: int, n_layers: int) -> Selection:
    """Draw `n` layers at random, the same ones for the same seed.

    Raises:
        ModelError: the model has no more than `n` layers.
    """
    order = np.random.default_rng([seed, n]).permutation(n_layers)
    return _checked("random", sorted(order[:n].tolist()), n_layers, n, seed)


def _checked(
    kind: str, layers: list[int], n_layers: int, n: int | None = None, seed: int | None = None
) -> Selection:
    asked = len(layers) if n is None else n
    if asked >= n_layers:
        raise ModelError(
            f"{asked} layers cannot be removed from a model with {n_layers}: "
            f"leave at least one, so remove at most {n_layers - 1}."
        )
    return Selection(kind, tuple(layers), seed)
