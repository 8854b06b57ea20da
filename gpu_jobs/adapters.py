"""Adapters of healed models, filed beside their scores as safetensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from gpu_jobs.cells import checked
from gpu_jobs.errors import OutputError
from modelstrata.errors import storage_errors
from modelstrata.landing import write_atomically

FOLDER = "healed_adapters"


def write_adapters(folder: Path, key: str, weights: Mapping[str, torch.Tensor]) -> None:
    """File the weights of adapters, by name, under the key of what their model scores.

    Raises:
        StorageError: the disk is full, read-only or not writable.
    """
    held = {name: one.detach().cpu().contiguous() for name, one in weights.items()}
    path = _path(folder, key)
    with storage_errors(folder):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, lambda temporary: save_file(held, temporary))


def read_adapters(folder: Path, key: str | None) -> dict[str, torch.Tensor]:
    """Return the weights of adapters that were filed under a key, by name.

    Results of earlier code have no key, and no adapters.

    Raises:
        OutputError: they are not there, the file is damaged, or the key is none.
    """
    path = _path(folder, str(key))
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise OutputError(
            f"{path} holds no adapters of this healed model: run gpu_jobs.relevance --heal again "
            "with another folder, and name that."
        ) from error


def _path(folder: Path, key: str) -> Path:
    return folder / FOLDER / f"{checked(key)}.safetensors"


def adapter_weights(model: Any) -> dict[str, nn.Parameter]:
    """Return the weights of a model that ask for gradients: its adapters, while it has some."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
