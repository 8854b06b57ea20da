"""Models built without memory for their weights, to see what of them depends on what."""

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError, first_line

Signature = dict[tuple[str, str], Any]


def skeleton(model: Any, config: Any) -> Any:
    """Build another model of the same class without memory for its weights.

    Raises:
        ModelError: the class cannot be built so.
    """
    from transformers.initialization import no_init_weights

    try:
        with torch.device("meta"), no_init_weights():
            return type(model)(config)
    except Exception as error:  # an unusual model can fail in any way
        raise refusal(model, f"it cannot be built anew ({first_line(error)})") from error


def signature(root: nn.Module, skipped: Iterable[int] = ()) -> Signature:
    """Return (path, name) to every plain attribute, and to every weight's and buffer's shape."""
    found: Signature = {}
    skip = set(skipped)
    for path, module in root.named_modules():
        if id(module) in skip:
            continue
        found[path, ""] = type(module).__qualname__
        for name, value in vars(module).items():
            if not name.startswith("_") and name != "training" and _is_plain(value):
                found[path, name] = value
        for name, tensor in (*module._parameters.items(), *module._buffers.items()):
            found[path, name] = None if tensor is None else tuple(tensor.shape)
    return found


def differing(
    model: nn.Module, why: str, old: Signature, new: Signature, numbers: tuple[int, int]
) -> Iterator[tuple[str, str]]:
    """Yield what is the first of `numbers` in one signature and the second in the other.

    Raises:
        ModelError: the two differ in anything else; `why` says where that is.
    """
    for key in sorted(old.keys() | new.keys()):
        if (was := old.get(key)) == (now := new.get(key)) and type(was) is type(now):
            continue
        if (type(was), type(now), was, now) != (int, int, *numbers):
            raise refusal(model, f"{why} ({'.'.join(filter(None, key)) or 'its kind'})")
        yield key


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, bool | int | float | str | torch.dtype)


def refusal(model: nn.Module, why: str) -> ModelError:
    """Return the error of a removal that cannot be, with its reason."""
    return ModelError(
        f"These layers cannot be removed from {type(model).__name__}, because {why}: "
        "choose other layers, or another decoder-only model."
    )
