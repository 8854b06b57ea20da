"""The weight matrices of a model's decoder layers: Q, K, V, O, up, down and gate."""

import copy
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError, first_line
from gpu_jobs.layers import find_decoder_layers
from gpu_jobs.matrix_parts import Matrix, Part
from gpu_jobs.wiring import roles_of
from gpu_jobs.wiring_trial import TEXTS, TOKENS, LinearMap

#: The matrices in the order of results.
KINDS = ("q", "k", "v", "o", "gate", "up", "down")


def find_matrices(model: Any) -> list[Matrix]:
    """Return the matrices of every decoder layer, layer by layer in the order of KINDS.

    Raises:
        ModelError: they cannot be told apart.
    """
    layers = find_decoder_layers(model)
    calls = find_calls(model, layers)
    found: list[Matrix] = []
    for number, layer in enumerate(layers):
        where = f"layer {number}"
        # The experiment must tell zeros from small numbers.
        wide = all(p.dtype in (torch.float32, torch.float64) for p in layer.parameters())
        probe = layer if wide else copy.deepcopy(layer).float()
        call = calls[number] if wide else _float32(calls[number])
        roles = roles_of(probe, call, where)
        parts = {
            kind: [_part(layer, linear, outputs, where) for linear, outputs in rows]
            for kind, rows in roles.rows.items()
        }
        for kind, part in _experts(layer, where):
            parts.setdefault(kind, []).append(part)
        _check(parts, where)
        found += [Matrix(number, kind, tuple(parts[kind])) for kind in KINDS if kind in parts]
    return found


def find_calls(model: Any, layers: nn.ModuleList) -> list[tuple[Any, dict[str, Any]]]:
    """Return the arguments of each layer's call for TEXTS texts of TOKENS tokens."""
    calls: dict[int, tuple[Any, dict[str, Any]]] = {}

    def hook(number: int) -> Any:
        def keep(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            calls[number] = (args, kwargs)

        return keep

    device = next(model.parameters()).device
    ids = torch.arange(TEXTS * TOKENS, device=device).reshape(TEXTS, TOKENS)
    ids %= model.get_input_embeddings().weight.shape[0]
    model.eval()
    with ExitStack() as stack, torch.no_grad():
        for number, layer in enumerate(layers):
            handle = layer.register_forward_pre_hook(hook(number), with_kwargs=True)
            stack.callback(handle.remove)
        try:
            model.base_model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False)
        except Exception as error:  # an unusual model can fail in any way
            raise ModelError(
                f"The forward pass of {type(model).__name__} failed ({first_line(error)}): "
                "choose another decoder-only model, or another --device."
            ) from error
    silent = sorted(set(range(len(layers))) - set(calls))
    if silent:
        raise ModelError(
            f"Layer {silent[0]} takes no part in the forward pass: "
            "choose another decoder-only model."
        )
    return [calls[number] for number in range(len(layers))]


def _part(layer: nn.Module, linear: LinearMap, outputs: torch.Tensor, where: str) -> Part:
    # By name, since the experiment may have been made on a copy of the layer.
    module = layer.get_submodule(linear.name)
    weight: Any = module.weight
    n_inputs, n_outputs = linear.entering.shape[-1], linear.leaf.shape[-1]
    if weight.shape == (n_outputs, n_inputs) and (
        n_inputs != n_outputs or isinstance(module, nn.Linear)
    ):
        axis = 0
    elif weight.shape == (n_inputs, n_outputs):
        axis = 1
    else:
        raise ModelError(
            f"In {where} the weight of {linear.name}, {tuple(weight.shape)}, is not that of a map "
            f"from {n_inputs} to {n_outputs} numbers: choose a model with unquantised weights."
        )
    every = len(outputs) == n_outputs
    return Part(weight, module, axis, None if every else outputs.to(weight.device))


def _experts(layer: nn.Module, where: str) -> Iterator[tuple[str, Part]]:
    """Yield the parts that are stacks of experts, as transformers' interface for them states."""
    for module in layer.modules():
        stacks = {n: p for n, p in module.named_parameters(recurse=False) if p.dim() == 3}
        if not stacks:
            continue
        stated: Any = module
        try:
            axis = 2 if stated.is_transposed else 1
            gated, halves = stated.has_gate, stated.is_concatenated
            first = stacks["gate_up_proj" if gated else "up_proj"]
            down = stacks["down_proj"]
        except (AttributeError, KeyError):
            raise ModelError(
                f"In {where} {type(module).__name__} holds a stack of weights whose parts cannot "
                "be told: choose a model whose experts follow transformers' interface."
            ) from None
        yield "down", Part(down, None, axis, None)
        if not gated:
            yield "up", Part(first, None, axis, None)
            continue
        numbers = torch.arange(first.shape[axis], device=first.device)
        gate, up = numbers.chunk(2) if halves else (numbers[::2], numbers[1::2])
        yield "gate", Part(first, None, axis, gate)
        yield "up", Part(first, None, axis, up)


def _check(parts: dict[str, list[Part]], where: str) -> None:
    missing = [kind for kind in KINDS if kind != "gate" and kind not in parts]
    if missing:
        raise ModelError(
            f"In {where} no matrix does what {missing[0].upper()} does: layer gradients are "
            "measured on layers of softmax attention and a feed-forward network."
        )
    several = [kind for kind in "qkvo" if len(parts[kind]) > 1]
    if several:
        raise ModelError(
            f"In {where} {len(parts[several[0]])} weights make up {several[0].upper()}: "
            "choose a model whose attention has one projection of each kind."
        )


def _float32(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.float() if value.is_floating_point() else value
    if isinstance(value, tuple | list):
        return type(value)(_float32(one) for one in value)
    if isinstance(value, dict):
        return {key: _float32(one) for key, one in value.items()}
    return value
