"""Healing: fine-tuning a pruned model with low-rank adapters, stopped early on held-out samples.

The settings are those of the relevance paper (arXiv 2605.14075, appendix E.7): adapters of rank 2
and alpha 2 with dropout 0.05 on the gate, up and down matrices, batches of 16, at most 10 epochs,
a cosine schedule with 100 steps of warm-up to 3e-4; and, as in the Trainer that it used, AdamW
without weight decay and gradients clipped to a norm of 1. Two things differ. The paper chose the
best epoch on the test set ("ideally, a validation set should be used"); here a tenth of the train
split decides. And it read the weights in 4 bits; here they are what they were loaded as.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gpu_jobs.devices import out_of_memory
from gpu_jobs.errors import DeviceError, ModelError
from gpu_jobs.lora import adapted, train_adapters
from gpu_jobs.losses import response_loss
from gpu_jobs.pair_batches import batches
from gpu_jobs.pairs import Sample


@dataclass(frozen=True)
class Recipe:
    """How a pruned model is healed.

    Attributes:
        seed: decides adapters' first weights, dropout and the order of samples.
        max_steps: no more optimiser steps than these, if it is given.
        targets: what adapters are put on, one of `lora.TARGETS`.
        learning_rate: at its peak.
        epochs: passes over the samples, at most.
        patience: training ends after this many checks in a row that find no lower loss; there is
            one at the end of each epoch.
        rank: of the adapters, as the others of peft's `LoraConfig`.
        alpha: scales the adapters.
        dropout: of the adapters' inputs.
        batch_size: samples a step; the gradient is the mean over them.
        warmup: steps in which the rate rises, but at most a tenth of all.
        clip: largest norm of a step's gradient.
    """

    seed: int
    max_steps: int | None
    targets: str
    learning_rate: float
    epochs: int
    patience: int
    rank: int = 2
    alpha: int = 2
    dropout: float = 0.05
    batch_size: int = 16
    warmup: int = 100
    clip: float = 1.0

    def epoch(self, n_samples: int) -> int:
        """Return the steps of one pass over the samples."""
        return -(-n_samples // self.batch_size)

    def steps(self, n_samples: int) -> int:
        """Return the most steps that are taken."""
        whole = self.epochs * self.epoch(n_samples)
        return whole if self.max_steps is None else min(whole, self.max_steps)


@dataclass(frozen=True)
class Course:
    """What healing did.

    Attributes:
        steps: optimiser steps taken.
        best_step: the step whose adapters were kept; 0 keeps the pruned model as it was.
        losses: step and mean loss over the validation samples, nats a response token; the first
            is of step 0, the pruned model's own.
    """

    steps: int
    best_step: int
    losses: tuple[tuple[int, float], ...]

    @property
    def loss(self) -> float:
        """The loss that is left."""
        return dict(self.losses)[self.best_step]


@contextmanager
def healed(
    model: Any,
    training: Sequence[Sample],
    validation: Sequence[Sample],
    recipe: Recipe,
    advance: Callable[[int], None] = lambda steps: None,
) -> Iterator[Course]:
    """Heal a model while the block runs; it is bit for bit as before afterwards.

    Args:
        model: a model in evaluation mode, on its device, without the layers that were removed.
        training: what it learns.
        validation: what decides when it stops, and which step is kept.
        recipe: the settings.
        advance: called with a number of steps done or not needed.

    Raises:
        ModelError: the loss is not finite, or the model takes no adapters.
        DeviceError: one sample does not fit into memory.
    """
    device = next(model.parameters()).device
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(recipe.seed)
        with adapted(model, recipe.targets, recipe.rank, recipe.alpha, recipe.dropout) as weights:
            yield _Healing(model, weights, validation, recipe).run(training, advance)


class _Healing:
    def __init__(
        self,
        model: Any,
        weights: dict[str, nn.Parameter],
        validation: Sequence[Sample],
        recipe: Recipe,
    ) -> None:
        self.model, self.weights, self.recipe = model, weights, recipe
        self.validation = validation
        self.device = next(model.parameters()).device
        # Samples that go through the model at once; halved where memory runs out.
        self.size = recipe.batch_size

    def run(self, training: Sequence[Sample], advance: Callable[[int], None]) -> Course:
        from transformers import get_cosine_schedule_with_warmup

        recipe, total = self.recipe, self.recipe.steps(len(training))
        moving = list(self.weights.values())
        optimizer = torch.optim.AdamW(moving, lr=recipe.learning_rate, weight_decay=0.0)
        warmup = min(recipe.warmup, total // 10)
        schedule = get_cosine_schedule_with_warmup(optimizer, warmup, total)
        losses = [(0, self._loss())]
        best, kept = 0, self._copy()
        epoch, step, worse = recipe.epoch(len(training)), 0, 0
        for step, rows in enumerate(self._order(training, total), start=1):
            optimizer.zero_grad(set_to_none=True)
            self._backward(rows, step, optimizer)
            nn.utils.clip_grad_norm_(moving, recipe.clip)
            optimizer.step()
            schedule.step()
            advance(1)
            if step % epoch and step != total:
                continue
            losses.append((step, self._loss()))
            if losses[-1][1] < dict(losses)[best]:
                best, kept, worse = step, self._copy(), 0
            else:
                worse += 1
            if worse == recipe.patience:
                break
        advance(total - step)
        optimizer.zero_grad(set_to_none=True)
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(kept[name])
        return Course(step, best, tuple(losses))

    def _order(self, training: Sequence[Sample], total: int) -> Iterator[list[Sample]]:
        draw = random.Random(self.recipe.seed)
        size, left = self.recipe.batch_size, total
        while left:
            order = draw.sample(list(training), len(training))
            for start in range(0, min(len(order), left * size), size):
                yield order[start : start + size]
                left -= 1

    def _copy(self) -> dict[str, torch.Tensor]:
        return {name: weight.detach().clone() for name, weight in self.weights.items()}

    def _backward(
        self, rows: Sequence[Sample], step: int, optimizer: torch.optim.Optimizer
    ) -> None:
        """Leave the gradient of the mean loss over the rows in the adapters."""

        def work() -> None:
            optimizer.zero_grad(set_to_none=True)
            for batch in batches(rows, self.size, self.device):
                loss = response_loss(self.model, batch) / len(rows)
                if not bool(loss.isfinite()):
                    raise ModelError(
                        f"The loss is not finite at step {step} of healing: lower "
                        "--heal-learning-rate, or give --dtype float32."
                    )
                loss.backward()

        train_adapters(self.model, True)
        self._within_memory(work)
        train_adapters(self.model, False)

    def _loss(self) -> float:
        found: list[float] = []

        def work() -> None:
            found.clear()
            with torch.no_grad():
                for batch in batches(self.validation, self.size, self.device):
                    found.append(float(response_loss(self.model, batch)))

        self._within_memory(work)
        return sum(found) / len(self.validation)

    def _within_memory(self, work: Callable[[], None]) -> None:
        """Do some work, with halved batches as often as memory runs out."""
        while True:
            try:
                work()
            except (RuntimeError, MemoryError) as error:
                if not out_of_memory(error):
                    raise
                if self.size == 1:
                    raise DeviceError(
                        "Healing does not fit into the device's memory: lower --max-length, or "
                        "choose a smaller --dtype or a larger device."
                    ) from error
            else:
                return
            # Outside the handler, whose traceback holds on to the tensors of the failed batch.
            self.size //= 2
            if self.device.type == "cuda":
                torch.cuda.empty_cache()
