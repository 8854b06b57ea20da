"""Supervised fine-tuning, for gradients after some steps of it."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gpu_jobs.devices import out_of_memory
from gpu_jobs.errors import DeviceError, ModelError
from gpu_jobs.losses import response_loss
from gpu_jobs.pair_batches import make_batch
from gpu_jobs.pairs import Sample


@dataclass(frozen=True)
class Recipe:
    """How a model is fine-tuned.

    Attributes:
        optimizer: `adamw`, which keeps two more copies of the weights, or `sgd`, which keeps none.
        learning_rate: constant over the steps.
        batch_size: samples a step; the gradient is the mean over them.
        seed: decides the order of the samples.
    """

    optimizer: str
    learning_rate: float
    batch_size: int
    seed: int


class Finetuning:
    """A model in training: all of its weights move, without weight decay and without dropout."""

    def __init__(self, model: Any, samples: Sequence[Sample], recipe: Recipe) -> None:
        """Prepare to train `model` on `samples`."""
        self._model, self._samples, self._recipe = model, samples, recipe
        self.step = 0
        self._order = self._endless_order()
        weights = list(model.parameters())
        self._optimizer: torch.optim.Optimizer
        if recipe.optimizer == "adamw":
            self._optimizer = torch.optim.AdamW(weights, lr=recipe.learning_rate, weight_decay=0.0)
        else:
            self._optimizer = torch.optim.SGD(weights, lr=recipe.learning_rate)

    def advance_to(self, step: int, advance: Callable[[int], None] = lambda steps: None) -> None:
        """Train until `step` steps are done; call `advance` with 1 after each one.

        Raises:
            ModelError: the loss is not finite any more.
            DeviceError: one sample does not fit into memory.
        """
        self._model.eval().requires_grad_(True)
        while self.step < step:
            self._one_step()
            self.step += 1
            advance(1)

    def _endless_order(self) -> Iterator[Sample]:
        draw = random.Random(self._recipe.seed)
        while True:
            yield from draw.sample(list(self._samples), len(self._samples))

    def _one_step(self) -> None:
        rows = [next(self._order) for _ in range(self._recipe.batch_size)]
        device = next(self._model.parameters()).device
        try:
            # One sample after the other: padding costs more than small batches do, and a step
            # does not depend on how much memory there is.
            for row in rows:
                loss = response_loss(self._model, make_batch([row], device)) / len(rows)
                if not bool(loss.isfinite()):
                    raise ModelError(
                        f"The loss is not finite at step {self.step} of fine-tuning: "
                        "lower --learning-rate."
                    )
                loss.backward()
            self._optimizer.step()
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            raise DeviceError(
                "Fine-tuning does not fit into the device's memory: give --optimizer sgd, lower "
                "--max-length, or choose a larger device."
            ) from error
        finally:
            self._optimizer.zero_grad(set_to_none=True)
