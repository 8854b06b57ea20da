"""One pass through a model that gives the outputs of the model and of all its one-layer removals.

Below the layer that it lacks, a removal is the model itself. So the removals start where their
layer was, from the hidden states that entered it, and walk the layers above together as one batch.
Of L layers, L (L + 1) / 2 + L are run in place of L (L + 1). A removal of attention or MLP alone
runs the rest of its layer too. Where so many removals do not go
through a layer at once, they walk in several parties, each from where the one before it branched.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError
from gpu_jobs.heads import Head, read
from gpu_jobs.layers import find_decoder_layers
from gpu_jobs.sublayers import SubLayers


@dataclass
class Work:
    """What was done, in units that do not depend on the machine.

    Attributes:
        layer_tokens: tokens that went through a layer.
        tokens: tokens that were embedded.
        logit_rows: rows of logits.
    """

    layer_tokens: int = 0
    tokens: int = 0
    logit_rows: int = 0


@dataclass
class Entering:
    """What entered some layers of the model itself, so that a later walk can start there.

    Attributes:
        wanted: numbers of these layers.
        states: by layer, shape (rows, tokens, width).
        beside: by layer below, what it returned beside hidden states; None if that is not a tuple.
    """

    wanted: frozenset[int] = frozenset()
    states: dict[int, torch.Tensor] = field(default_factory=dict)
    beside: dict[int, tuple[Any, ...] | None] = field(default_factory=dict)


def walk(
    model: Any,
    inputs: dict[str, Any],
    removed: Collection[int] | None = None,
    *,
    whole: bool = True,
    entering: Entering | None = None,
    sublayers: SubLayers | None = None,
    work: Work | None = None,
) -> tuple[torch.Tensor, Head]:
    """Return the last hidden states of the model and of its removals, and the head.

    Args:
        model: a causal language model, maybe with layers removed already.
        inputs: arguments of its forward call, rows first.
        removed: numbers of the layers, among those that are left, that are removed one at a time;
            None is all.
        whole: whether the model itself is walked to its end, and returned.
        entering: holds what enters the layers that it wants afterwards. If it holds what enters
            the first removed layer, a walk that is not whole starts there.
        sublayers: what of a layer is removed; None is all of it.
        work: counts what is done.

    Returns:
        Shape (1 + removals, rows, tokens, width): the model first, if it is whole, then the
        removals in the order of their layers.

    Raises:
        ModelError: a layer does not take and return hidden states as layers do.
    """
    layers = find_decoder_layers(model)
    chosen = sorted(set(range(len(layers)) if removed is None else removed))
    rows, n_tokens = inputs["input_ids"].shape
    work = work or Work()
    entering = entering or Entering()
    party = _Party(tuple(chosen), whole, rows, entering, sublayers, work)
    with _branching(layers, party):
        hidden, head = read(model, inputs)
    n_variants = whole + len(chosen)
    if len(hidden) != rows * n_variants:
        raise ModelError(
            f"{type(model).__name__} changes the number of rows between its layers, so that its "
            "removals cannot walk together: choose another decoder-only model."
        )
    work.tokens += rows * n_tokens
    return hidden.view(n_variants, rows, *hidden.shape[1:]), head


@dataclass(frozen=True)
class _Party:
    """Removals that walk together, and what they share."""

    chosen: tuple[int, ...]
    whole: bool
    rows: int
    entering: Entering
    sublayers: SubLayers | None
    work: Work

    @property
    def start(self) -> int:
        """The first layer that runs, or in whose place the first removal branches off."""
        known = not self.whole and self.chosen[0] in self.entering.states
        return self.chosen[0] if known else 0


@contextmanager
def _branching(layers: nn.ModuleList, party: _Party) -> Iterator[None]:
    """Let each chosen layer add the rows of the variant that lacks it."""
    replaced: list[tuple[Any, Any]] = []
    try:
        for number, layer in enumerate(layers):
            own = vars(layer).get("forward")
            replaced.append((layer, own))
            layer.forward = _branch(layer.forward, number, party)
        yield
    finally:
        for layer, own in replaced:
            del layer.forward
            if own is not None:
                layer.forward = own


def _branch(inner: Any, number: int, party: _Party) -> Any:
    rows, kept = party.rows, party.entering
    # Behind the last branch the model itself is of no more use, if its end is not wanted.
    ends = not party.whole and number == party.chosen[-1]

    def forward(*args: Any, **kwargs: Any) -> Any:
        named = "hidden_states" in kwargs
        entering = kwargs.pop("hidden_states") if named else args[0]
        others = args if named else args[1:]
        if number < party.start:
            return _like(entering, kept.beside[number])
        if number == party.start and number in kept.states and not party.whole:
            entering = kept.states[number]
        if party.whole and number in kept.wanted:
            kept.states[number] = entering[:rows].clone()
        own = entering[:rows].clone() if number in party.chosen else entering[:0]
        walking = entering[rows:] if ends else entering
        part = party.sublayers if len(own) else None
        if part is not None:
            # The removal that branches off runs the rest of its layer with the others.
            walking = torch.cat([walking, own])
        if not len(walking):
            return _like(own, kept.beside[number])
        times = len(walking) // rows
        party.work.layer_tokens += walking.shape[:-1].numel()
        with part.silent(number, times) if part is not None else nullcontext():
            output = inner(
                walking, *_repeated(others, rows, times), **_repeated(kwargs, rows, times)
            )
        state, beside = _parts(output)
        if party.whole:
            kept.beside[number] = beside
        branches = len(own) and part is None
        return _like(torch.cat([state, own]), beside) if branches else output

    return forward


def _parts(output: Any) -> tuple[torch.Tensor, tuple[Any, ...] | None]:
    """Return the hidden states that a layer gives, and what stands beside them in a tuple."""
    state, beside = (output[0], output[1:]) if isinstance(output, tuple) else (output, None)
    if not isinstance(state, torch.Tensor):
        raise ModelError(
            "A layer returns no hidden states that can be followed: choose another decoder-only "
            "model."
        )
    return state, beside


def _like(state: torch.Tensor, beside: tuple[Any, ...] | None) -> Any:
    return state if beside is None else (state, *beside)


def _repeated(value: Any, rows: int, times: int) -> Any:
    """Repeat tensors that have an entry a row (or several, as ALiBi has) for more rows."""
    if times == 1:
        return value
    if isinstance(value, dict):
        return {name: _repeated(one, rows, times) for name, one in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_repeated(one, rows, times) for one in value)
    if isinstance(value, torch.Tensor) and value.dim() > 1 and len(value) % rows == 0:
        # One entry for all rows is left as it is.
        if len(value) == 1 and rows == 1:
            return value
        return value.repeat(times, *[1] * (value.dim() - 1))
    return value
