"""Block influence: the pure computation, equation 3 of the Structure paper (2509.18136)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gpu_jobs.devices import out_of_memory
from gpu_jobs.errors import DeviceError, ModelError, first_line
from gpu_jobs.layers import CosineSums, find_decoder_layers, listening

Batch = dict[str, Any]


@dataclass(frozen=True)
class Influence:
    """What one pass over a text set says.

    Attributes:
        values: block influence of each layer, first to last, between 0 and 2; without unit.
        n_tokens: tokens that each value is a mean over.
    """

    values: list[float]
    n_tokens: int


def block_influence(
    model: nn.Module,
    batches: Iterable[Batch],
    advance: Callable[[str], None] = lambda step: None,
    on_halving: Callable[[int], None] = lambda size: None,
) -> Influence:
    """Measure BI_i = 1 - E[cos(X_i, X_{i+1})] for every decoder layer i in one forward pass.

    X_i is the hidden state that enters layer i and X_{i+1} the one that leaves it, before any
    norm that follows the last layer. The mean goes over all real tokens of all texts alike, so
    a long text weighs more than a short one. Cosines and sums are in float64 (cosines in
    float32 on devices without it), whatever the model's own type.

    Args:
        model: a decoder-only model; it is put into evaluation mode.
        batches: keyword arguments of the forward call, tensors of shape (texts, tokens, ...).
            `attention_mask`, shape (texts, tokens), is 1 at real tokens and 0 at padding.
        advance: called after each batch.
        on_halving: called with the new largest number of texts when memory ran out.

    Raises:
        ModelError: the layers cannot be found or compared, or a hidden state is not finite.
        DeviceError: a single text does not fit into memory.
    """
    layers = find_decoder_layers(model)
    # The base model leaves the vocabulary head out, which would take most of the memory.
    body = getattr(model.eval(), "base_model", model)
    total = torch.zeros(len(layers), dtype=torch.float64)
    n_tokens = 0
    largest: int | None = None
    for batch in batches:
        pending = [batch]
        while pending:
            part = pending.pop()
            size = len(part["attention_mask"])
            if largest is not None and size > largest:
                pending.extend(reversed(_split(part, largest)))
                continue
            sums = _measure(body, layers, part)
            if sums is None:
                if size == 1:
                    length = part["attention_mask"].shape[1]
                    raise DeviceError(
                        f"One text of {length} tokens does not fit into the device's memory: "
                        "lower --max-length, or choose a smaller --dtype or a larger device."
                    )
                largest = size // 2
                on_halving(largest)
                pending.append(part)
                continue
            total += sums
            n_tokens += int(part["attention_mask"].sum())
        advance(f"{n_tokens} tokens")
    if n_tokens == 0:
        raise ValueError("no batch holds a token")
    return Influence((1.0 - total / n_tokens).tolist(), n_tokens)


def _measure(body: nn.Module, layers: nn.ModuleList, batch: Batch) -> torch.Tensor | None:
    """Return the layers' sums for one batch, shape (layers,), or None if memory ran out."""
    found = CosineSums(batch["attention_mask"].bool())
    try:
        with torch.inference_mode(), listening(layers, found):
            body(**batch)
        silent = sorted(set(range(len(layers))) - set(found.sums))
        if silent:
            raise ModelError(
                f"Layer {silent[0]} takes no part in the forward pass: "
                "choose another decoder-only model."
            )
        sums = torch.stack([found.sums[layer] for layer in range(len(layers))]).cpu().double()
    except ModelError:
        raise
    except Exception as error:  # an unusual model can fail in any way
        if not out_of_memory(error):
            raise ModelError(
                f"The forward pass of {type(body).__name__} failed ({first_line(error)}): "
                "choose another decoder-only model, or another --device."
            ) from error
        return None
    broken = (~sums.isfinite()).nonzero().flatten().tolist()
    if broken:
        raise ModelError(
            f"The hidden states at layer {broken[0]} hold NaN or infinity: the number type is "
            "too narrow or the weights are damaged, so try --dtype float32."
        )
    return sums


def _split(batch: Batch, size: int) -> list[Batch]:
    rows = len(batch["attention_mask"])
    return [
        {
            key: value[start : start + size] if isinstance(value, torch.Tensor) else value
            for key, value in batch.items()
        }
        for start in range(0, rows, size)
    ]
