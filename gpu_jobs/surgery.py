"""Removing decoder layers from a model, as long as a block runs, or for good in a new folder."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from torch import nn

from gpu_jobs.errors import ModelError
from gpu_jobs.layer_state import changes
from gpu_jobs.layers import find_decoder_layers
from gpu_jobs.sources import Source

_SPEC = re.compile(r"(\d{1,6})(?:-(\d{1,6}))?")


@dataclass(frozen=True)
class Removal:
    """What a removal took away.

    Attributes:
        layers: numbers of the removed layers, ascending, from 0.
        n_layers: layers before.
        n_parameters: weights before, shared ones once.
        n_removed_parameters: weights of the removed layers.
    """

    layers: tuple[int, ...]
    n_layers: int
    n_parameters: int
    n_removed_parameters: int


def parse_layers(text: str) -> tuple[int, ...]:
    """Return the layers that a text such as `21-29`, `3 5 8` or `3,5,8-10` names, ascending.

    Raises:
        ModelError: it is no such text, or names a layer twice.
    """
    found: list[int] = []
    for part in re.split(r"[\s,]+", text.strip()):
        match = _SPEC.fullmatch(part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if last < first:
            raise ModelError(f"{text!r} names no layers: give them as 21-29 or 3,5,8-10.")
        found.extend(range(first, last + 1))
    return _once(found)


def check_layers(layers: Sequence[int], n_layers: int) -> tuple[int, ...]:
    """Return the layers to remove, ascending.

    Raises:
        ModelError: a number is out of range or there twice, or no layer would be left.
    """
    chosen = _once(layers)
    outside = [layer for layer in chosen if not 0 <= layer < n_layers]
    if outside:
        raise ModelError(
            f"There is no layer {outside[0]}: the model has {n_layers} layers, "
            f"so give numbers from 0 to {n_layers - 1}."
        )
    if len(chosen) == n_layers:
        raise ModelError(f"All {n_layers} layers would be removed: keep at least one.")
    return chosen


def _once(layers: Sequence[int]) -> tuple[int, ...]:
    chosen = sorted(int(layer) for layer in layers)
    twice = [one for one, other in pairwise(chosen) if one == other]
    if twice:
        raise ModelError(f"Layer {twice[0]} is named twice: name each layer once.")
    return tuple(chosen)


@contextmanager
def removed(model: Any, layers: Sequence[int]) -> Iterator[Removal]:
    """Take decoder layers out of a transformers model while the block runs.

    Inside, the model is one of fewer layers in every respect: it generates with a cache and can
    be saved. No weight is copied. Afterwards, also after an error, it is as it was. Blocks can
    be nested; the inner one counts the layers that are left. A cache that was filled outside does
    not fit inside, nor the other way round.

    Args:
        model: a decoder-only model; layers are found as `find_decoder_layers` finds them.
        layers: numbers of the layers to remove, from 0.

    Raises:
        ModelError: the numbers are wrong, or the model is of a kind that cannot lose layers.
    """
    from transformers import PreTrainedModel

    if not isinstance(model, PreTrainedModel):
        raise ModelError(
            f"{type(model).__name__} is no plain transformers model: remove layers before it is "
            "wrapped, or give a model that transformers loads."
        )
    found = find_decoder_layers(model)
    whole = list(found)
    chosen = check_layers(layers, len(whole))
    gone = set(chosen)
    kept = [layer for layer in range(len(whole)) if layer not in gone]
    _check_separate(model, whole)
    total, lost = _count(model), sum(_count(whole[layer]) for layer in chosen)
    with ExitStack() as undo:
        if chosen:
            for target, name, value in changes(model, found, kept):
                undo.callback(setattr, target, name, getattr(target, name))
                setattr(target, name, value)
            undo.callback(_refill, found, whole)
            _refill(found, [whole[layer] for layer in kept])
        left = _count(model)
        if len(find_decoder_layers(model)) != len(kept) or left != total - lost:
            raise ModelError(
                f"{type(model).__name__} has {left} parameters without layers {chosen}, not "
                f"{total} - {lost}: its layers are not separate, so choose another model."
            )
        yield Removal(chosen, len(whole), total, lost)


def save_pruned(
    model: Any,
    tokenizer: Any,
    folder: Path,
    layers: Sequence[int],
    source: Source,
    how: str = "given by number",
) -> Removal:
    """Write the model without `layers` as safetensors, with tokenizer and model card.

    The folder is there whole or not at all. The model is as before afterwards.

    Args:
        model: the whole model.
        tokenizer: its tokenizer.
        folder: a new or empty folder.
        layers: numbers of the layers to leave out, from 0.
        source: where the model came from; the card says it.
        how: how the layers were chosen, as the card says it after "chosen".

    Raises:
        ModelError: as `removed` does.
        OutputError: something lies at the folder's place.
        StorageError: the disk is full, read-only or not writable.
    """
    from gpu_jobs.pruned_files import write_model

    with removed(model, layers) as removal:
        write_model(model, tokenizer, Path(folder), removal, source, how)
    return removal


def _refill(layers: nn.ModuleList, modules: list[nn.Module]) -> None:
    # In place, for other parts of the model may hold the same list.
    del layers[:]
    layers.extend(modules)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _check_separate(model: nn.Module, layers: list[nn.Module]) -> None:
    """Refuse layers that share modules or weights with each other or with anything else."""
    inside: dict[int, int] = {}
    for number, layer in enumerate(layers):
        for part in (layer, *layer.parameters()):
            if inside.setdefault(id(part), number) != number:
                raise ModelError(
                    f"Layers {inside[id(part)]} and {number} of {type(model).__name__} share "
                    "weights, so that neither can be removed: choose another model."
                )
    parts = {id(part) for layer in layers for part in layer.modules()}
    for path, module in model.named_modules():
        shared = [p for p in module._parameters.values() if p is not None and id(p) in inside]
        if shared and id(module) not in parts:
            raise ModelError(
                f"{path} of {type(model).__name__} shares weights with layer "
                f"{inside[id(shared[0])]}, which cannot be removed: choose another model."
            )
