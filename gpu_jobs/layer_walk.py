"""One pass through a model that gives the outputs of the model and of all its one-layer removals.

Below the layer that it lacks, a removal is the model itself. So the removals start where their
layer was, from the hidden states that entered it, and walk the layers above together as one batch.
Of L layers, L (L + 1) / 2 + L are run in place of L (L + 1).
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError
from gpu_jobs.heads import Head, read
from gpu_jobs.layers import find_decoder_layers


def walk(
    model: Any,
    inputs: dict[str, torch.Tensor],
    removed: Collection[int] | None = None,
) -> tuple[torch.Tensor, Head]:
    """Return the last hidden states of the model and of its removals, and the head.

    Args:
        model: a causal language model, maybe with layers removed already.
        inputs: arguments of its forward call, rows first.
        removed: numbers of the layers, among those that are left, that are removed one at a time;
            None is all.

    Returns:
        Shape (1 + removals, rows, tokens, width): the model first, then the removals in the
        order of their layers.

    Raises:
        ModelError: a layer does not take and return hidden states as layers do.
    """
    layers = find_decoder_layers(model)
    chosen = set(range(len(layers)) if removed is None else removed)
    rows = len(inputs["input_ids"])
    with _branching(layers, chosen, rows):
        hidden, head = read(model, inputs)
    if len(hidden) != rows * (1 + len(chosen)):
        raise ModelError(
            f"{type(model).__name__} changes the number of rows between its layers: "
            "measure it with --engine plain."
        )
    return hidden.view(1 + len(chosen), rows, *hidden.shape[1:]), head


@contextmanager
def _branching(layers: nn.ModuleList, chosen: set[int], rows: int) -> Iterator[None]:
    """Let each chosen layer add the rows of the variant that lacks it."""
    replaced: list[tuple[Any, Any]] = []
    try:
        for number, layer in enumerate(layers):
            own = vars(layer).get("forward")
            replaced.append((layer, own))
            layer.forward = _branch(layer.forward, number in chosen, rows)
        yield
    finally:
        for layer, own in replaced:
            del layer.forward
            if own is not None:
                layer.forward = own


def _branch(inner: Any, adds: bool, rows: int) -> Any:
    def forward(*args: Any, **kwargs: Any) -> Any:
        named = "hidden_states" in kwargs
        entering = kwargs.pop("hidden_states") if named else args[0]
        others = args if named else args[1:]

        def call(state: torch.Tensor) -> Any:
            times = len(state) // rows
            return inner(state, *_repeated(others, rows, times), **_repeated(kwargs, rows, times))

        own = entering[:rows].clone() if adds else entering
        output = call(entering)
        if not adds:
            return output
        left = torch.cat([_state(output), own])
        return (left, *output[1:]) if isinstance(output, tuple) else left

    return forward


def _state(output: Any) -> torch.Tensor:
    state = output[0] if isinstance(output, tuple) else output
    if not isinstance(state, torch.Tensor):
        raise ModelError(
            "A layer returns no hidden states that can be followed: measure the model with "
            "--engine plain."
        )
    return state


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
