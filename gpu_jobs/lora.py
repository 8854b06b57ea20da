"""Low-rank adapters (LoRA, arXiv 2106.09685) on weight matrices, as long as a block runs."""

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gpu_jobs.adapters import adapter_weights
from gpu_jobs.errors import ModelError, first_line
from gpu_jobs.layers import find_decoder_layers
from gpu_jobs.matrices import find_matrices

#: What adapters are put on: the up, down and gate matrices of each layer, or all its linear maps.
TARGETS = ("feed_forward", "all_linear")
_FEED_FORWARD = ("gate", "up", "down")
_NAME = "healing"


@contextmanager
def adapted(
    model: Any, targets: str, rank: int, alpha: int, dropout: float
) -> Iterator[dict[str, nn.Parameter]]:
    """Put adapters into a transformers model while the block runs; yield their weights by name.

    At first they change nothing. Only they ask for gradients, and only their dropout is ever on:
    call `train_adapters`. Afterwards, also after an error in the block, the model is as it was: its
    own weights never move.

    Args:
        model: a decoder-only model, on its device.
        targets: one of `TARGETS`.
        rank: of each adapter.
        alpha: an adapter's product is scaled by `alpha / rank`.
        dropout: share of an adapter's inputs that is left out in training.

    Raises:
        ModelError: adapters cannot be put there.
    """
    asked = [(weight, weight.requires_grad) for weight in model.parameters()]
    training = [(module, module.training) for module in model.modules()]
    tuner = _put(model, targets, rank, alpha, dropout)
    try:
        model.eval()
        yield adapter_weights(model)
    finally:
        tuner.unload()
        for weight, was in asked:
            weight.requires_grad_(was)
        for module, was in training:
            module.training = was


def merge(
    model: Any, weights: Mapping[str, torch.Tensor], targets: str, rank: int, alpha: int
) -> None:
    """Add the products of trained adapters to a model's own weights, for good.

    Args:
        model: the model that they were trained in, without the same layers.
        weights: of the adapters, by name, as `adapted` yields them.
        targets: what they were put on, as the others.
        rank: of each.
        alpha: their products are scaled by `alpha / rank`.

    Raises:
        ModelError: these adapters are not of this model.
    """
    tuner = _put(model, targets, rank, alpha, 0.0)
    places = adapter_weights(model)
    if {name: one.shape for name, one in places.items()} != {
        name: one.shape for name, one in weights.items()
    }:
        raise ModelError(
            f"The adapters are not of this {type(model).__name__} without these layers: heal it "
            "again."
        )
    with torch.no_grad():
        for name, place in places.items():
            place.copy_(weights[name])
    tuner.merge_and_unload()


def _put(model: Any, targets: str, rank: int, alpha: int, dropout: float) -> Any:
    """Put new adapters into a model and return what takes them out again.

    Raises:
        ModelError: adapters cannot be put there.
    """
    from peft import LoraConfig, LoraModel

    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        target_modules=_linear(model) if targets == "all_linear" else _feed_forward(model),
    )
    try:
        with warnings.catch_warnings():
            # Weights that count inputs first are recognised, and peft tells of it.
            warnings.simplefilter("ignore")
            return LoraModel(model, {_NAME: config}, _NAME)
    except Exception as error:  # an unusual model can fail in any way
        raise ModelError(
            f"No adapters can be put into {type(model).__name__} ({first_line(error)}): leave "
            "--heal out, or choose another decoder-only model."
        ) from error


def train_adapters(model: Any, on: bool) -> None:
    """Turn the adapters' dropout on or off; the model's own stays off."""
    for name, module in model.named_modules():
        if ".lora_dropout" in name:
            module.train(on)


def _linear(model: Any) -> list[str]:
    """Return the names of all linear maps in the decoder layers."""
    from transformers.pytorch_utils import Conv1D

    inside = {id(module) for layer in find_decoder_layers(model) for module in layer.modules()}
    return [
        name
        for name, module in model.named_modules()
        if id(module) in inside and isinstance(module, nn.Linear | Conv1D)
    ]


def _feed_forward(model: Any) -> list[str]:
    """Return the names of the feed-forward matrices' modules, found as for layer gradients.

    Raises:
        ModelError: they cannot be told apart, or are stacks of experts.
    """
    parts = [
        part
        for matrix in find_matrices(model)
        if matrix.kind in _FEED_FORWARD
        for part in matrix.parts
    ]
    wanted = {id(part.module) for part in parts}
    if any(part.module is None for part in parts):
        raise ModelError(
            f"{type(model).__name__} keeps its feed-forward matrices in stacks of experts, which "
            "get no adapters: give --heal-targets all_linear."
        )
    return [name for name, module in model.named_modules() if id(module) in wanted]
