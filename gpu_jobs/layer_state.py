"""What of a model depends on how many layers it has and on each layer's place among them.

Nothing is known by architecture. The model's class is built twice without memory for weights
(on torch's meta device), from the configuration as it is and from the one with fewer layers;
what differs between a kept layer and the layer that stands in its new place is what must change.
"""

import copy
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import first_line
from gpu_jobs.layers import find_decoder_layers
from gpu_jobs.skeletons import differing, refusal, signature, skeleton

#: An object, the name of its attribute, and the value with fewer layers.
Change = tuple[object, str, Any]


def changes(model: Any, layers: nn.ModuleList, kept: Sequence[int]) -> list[Change]:
    """Return what must be set when only the layers `kept`, ascending, stay in `layers`.

    These are the number of layers and the per-layer lists in the configuration, and the numbers
    that the kept layers, or parts of them, hold of themselves.

    Raises:
        ModelError: a layer's weights or state depend on its place in another way, so that no
            model with fewer layers computes the same.
    """
    config = model.config.get_text_config(decoder=True)
    if getattr(config, "is_heterogeneous", False):
        raise refusal(model, "its layers have configurations of their own")
    settings = _fewer(config, kept, len(layers))
    whole = copy.deepcopy(model.config)
    pruned = copy.deepcopy(model.config)
    for name, value in settings.items():
        setattr(pruned.get_text_config(decoder=True), name, copy.deepcopy(value))
    _check_kept_when_saved(model, pruned, settings)
    before, after = skeleton(model, whole), skeleton(model, pruned)
    found = [
        (one, name, value)
        for one in _text_configs(model, config)
        for name, value in settings.items()
    ]
    found += _outside(model, before, after, (len(layers), len(kept)))
    old, new = find_decoder_layers(before), find_decoder_layers(after)
    for there, here in enumerate(kept):
        _check_buffers(model, layers, here, there)
        here_and_there = signature(old[here]), signature(new[there])
        why = f"layer {here} would differ as layer {there}"
        for path, name in differing(model, why, *here_and_there, (here, there)):
            found.append((_part(model, layers[here], path, name, here), name, there))
    return found


def _fewer(config: Any, kept: Sequence[int], n_layers: int) -> dict[str, Any]:
    """Return the attributes of a text configuration that change, with their new values."""
    place = {layer: number for number, layer in enumerate(kept)}
    counted = config.attribute_map.get("num_hidden_layers", "num_hidden_layers")
    found: dict[str, Any] = {counted: len(kept)}
    for name, value in vars(config).items():
        # A list of token ids can be as long as the model by chance.
        if name.startswith("_") or "token" in name or not isinstance(value, list | tuple):
            continue
        if _are_layer_numbers(name, value, n_layers):
            found[name] = type(value)(place[layer] for layer in value if layer in place)
        elif len(value) == n_layers:
            found[name] = type(value)(value[layer] for layer in kept)
    return found


def _are_layer_numbers(name: str, value: Sequence[Any], n_layers: int) -> bool:
    """Tell a list that names some layers (`mlp_only_layers`) from one with an entry for each."""
    return (
        any(word in name for word in ("layer", "idx", "indices", "indexes"))
        and all(type(entry) is int and 0 <= entry < n_layers for entry in value)
        and all(one < other for one, other in pairwise(value))
    )


def _check_kept_when_saved(model: Any, pruned: Any, settings: Mapping[str, Any]) -> None:
    try:
        read = type(pruned).from_dict(pruned.to_dict()).get_text_config(decoder=True)
    except Exception as error:  # a configuration's own checks raise anything
        raise refusal(model, f"its configuration allows no fewer ({first_line(error)})") from error
    for name, value in settings.items():
        found = getattr(read, name, None)
        if (list(found) if isinstance(found, tuple) else found) != (
            list(value) if isinstance(value, tuple) else value
        ):
            raise refusal(model, f"its configuration makes {name} anew whenever it is read")


def _text_configs(model: nn.Module, config: Any) -> list[Any]:
    """Return the text configuration and its copies that parts of the model hold, if any."""
    found = {id(config): config}
    for module in model.modules():
        held: Any = getattr(module, "config", None)
        if type(held) is type(config) and held.num_hidden_layers == config.num_hidden_layers:
            found[id(held)] = held
    return list(found.values())


def _outside(
    model: nn.Module, before: nn.Module, after: nn.Module, counts: tuple[int, int]
) -> list[Change]:
    """Return the counts of layers that parts outside the layers hold."""
    skipped = [{id(m) for m in find_decoder_layers(one).modules()} for one in (before, after)]
    signatures = [signature(one, skip) for one, skip in zip((before, after), skipped, strict=True)]
    # A part for a kind of layer, of which none is left, is not needed any more; weights are.
    weights = {tuple(name.rpartition(".")[::2]) for name in before.state_dict()}
    old = {
        key: signatures[1][key] if _is_rest(signatures[1].get(key), value) else value
        for key, value in signatures[0].items()
        if key in signatures[1] or key in weights
    }
    return [
        (_part(model, model, path, name, counts[0]), name, counts[1])
        for path, name in differing(model, "a part outside the layers", old, signatures[1], counts)
    ]


def _is_rest(new: object, old: object) -> bool:
    """Tell whether a list holds nothing that the earlier one does not, in any order."""
    return isinstance(new, list) and isinstance(old, list) and all(one in old for one in new)


def _check_buffers(model: nn.Module, layers: nn.ModuleList, here: int, there: int) -> None:
    """Refuse a layer whose constants, which no file keeps, differ from those of its new place."""
    if here == there:
        return
    saved = layers[here].state_dict(keep_vars=True).keys()
    others = dict(layers[there].named_buffers())
    for name, buffer in layers[here].named_buffers():
        other = others.get(name)
        if name in saved or other is None:
            continue
        if buffer.shape != other.shape or not torch.equal(buffer, other.to(buffer.device)):
            raise refusal(model, f"the constant {name} of layer {here} is not that of the others")


def _part(model: nn.Module, root: nn.Module, path: str, name: str, value: int) -> nn.Module:
    try:
        part = root.get_submodule(path)
        held = getattr(part, name)
    except AttributeError:
        held = None
    if held != value:
        raise refusal(model, f"{path}.{name} was changed after it was loaded")
    return part
