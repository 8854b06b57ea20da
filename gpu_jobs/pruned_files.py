"""Writing a model that lost layers as a folder that transformers loads, with a model card."""

import copy
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_jobs.errors import ModelError, OutputError
from gpu_jobs.model_cards import Account, model_card
from gpu_jobs.skeletons import skeleton
from gpu_jobs.sources import Source
from modelstrata.errors import storage_errors
from modelstrata.landing import sync_folder

if TYPE_CHECKING:
    from gpu_jobs.surgery import Removal


def write_model(
    model: Any,
    tokenizer: Any,
    folder: Path,
    removal: "Removal",
    source: Source,
    how: str | Account,
) -> None:
    """Write a model that lost layers, its tokenizer and its card; no weight is copied in memory.

    Args:
        model: the model, already without the layers.
        tokenizer: its tokenizer.
        folder: a new or empty folder.
        removal: what was removed.
        source: where the whole model came from.
        how: how the layers were chosen, in a phrase or with facts and scores.

    Raises:
        ModelError: the weights are no plain numbers that a safetensors file can hold.
        OutputError: something lies at the folder's place.
        StorageError: the disk is full, read-only or not writable.
    """
    folder = folder.expanduser().absolute()
    check_free(folder)
    account = how if isinstance(how, Account) else Account(how)
    made = _plain_copy(model)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    with storage_errors(folder.parent):
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            made.save_pretrained(temporary)
            _without_path(tokenizer).save_pretrained(temporary)
            card = model_card(removal, source, account, str(made.dtype).removeprefix("torch."))
            (temporary / "README.md").write_text(card, "utf-8")
            for path in temporary.iterdir():
                if path.is_file():
                    with path.open("rb") as file:
                        os.fsync(file.fileno())
            temporary.replace(folder)
            sync_folder(folder.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def check_free(folder: Path) -> None:
    """Check that nothing lies at a new model's place.

    Raises:
        OutputError: something does.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(f"{folder} is there and not empty: name a new folder.")


def _plain_copy(model: Any) -> Any:
    """Return a model that holds the same tensors, but nothing of how they were loaded.

    A model that was read from GGUF refuses to be saved, although its weights are plain numbers.
    """
    weights = model.state_dict()
    packed = [name for name, weight in model.named_parameters() if not weight.is_floating_point()]
    if packed:
        raise ModelError(
            f"The weight {packed[0]} is stored in packed form: load the model from safetensors "
            "or GGUF in float32, bfloat16 or float16 to save it."
        )
    config = copy.deepcopy(model.config)
    for name in ("quantization_config", "_model_name_or_path"):
        vars(config).pop(name, None)
    config.name_or_path = ""
    made = skeleton(model, config)
    made.load_state_dict(weights, assign=True)
    made.tie_weights()
    if model.can_generate():
        made.generation_config = copy.deepcopy(model.generation_config)
    return made


def _without_path(tokenizer: Any) -> Any:
    """Return a tokenizer that does not tell in which folder it lay on this machine."""
    made = copy.deepcopy(tokenizer)
    made.name_or_path = ""
    for name in ("name_or_path", "gguf_file", "is_local", "local_files_only"):
        made.init_kwargs.pop(name, None)
    return made
