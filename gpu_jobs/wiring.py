"""Which linear map of a decoder layer is what, told by experiment.

A layer is run once with the output of every linear map replaced by random numbers, and the
derivatives of what enters each map with respect to these numbers say how the maps are wired:

- What enters the output projection O is the only thing that depends on earlier tokens.
- A V output of the first token reaches O at the first token and at later ones; a K output of the
  first token only at later ones, for a softmax over one token is constant; a Q output reaches O at
  its own token alone, and not at the first.
- What enters Down depends on Up and Gate outputs of the same token, linearly on Up's.

So fused projections are split row by row, in whatever order a model keeps them, and neither
architectures nor modules are known by name.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError, first_line

#: Shape of the experiment: texts, and tokens of each. No window of attention is shorter.
TEXTS, TOKENS = 16, 4
#: Derivatives below this share of the largest one are zeros with rounding errors. Random numbers
#: of unit size make every true one about as large as the largest.
_NOTHING = 1e-5


@dataclass
class LinearMap:
    """A linear map as the experiment saw it.

    Attributes:
        name: name of the module within its layer.
        module: the module; its `weight` has two dimensions.
        entering: what entered, shape (texts, tokens, inputs).
        leaf: the random numbers that left instead, shape (texts, tokens, outputs).
    """

    name: str
    module: nn.Module
    entering: torch.Tensor
    leaf: torch.Tensor


@dataclass
class Roles:
    """Rows of linear maps by what they do, as lists of (map, output numbers)."""

    rows: dict[str, list[tuple[LinearMap, torch.Tensor]]] = field(default_factory=dict)

    def add(self, kind: str, linear: LinearMap, chosen: torch.Tensor) -> None:
        """Add the outputs of `linear` where `chosen`, a truth value for each, is true."""
        if bool(chosen.any()):
            numbers = chosen.nonzero().flatten()
            self.rows.setdefault(kind, []).append((linear, numbers))


def roles_of(layer: nn.Module, call: tuple[Any, dict[str, Any]], where: str) -> Roles:
    """Find Q, K, V, O, up, down and gate among a layer's linear maps.

    A feed-forward network without a gate has `up` and `down` alone; maps that feed neither O nor
    Down, such as a router, have no role. Kinds that were not found are left out.

    Args:
        layer: a decoder layer in float32 or float64.
        call: positional and keyword arguments of its call with TEXTS texts of TOKENS tokens.
        where: the layer's name in messages.

    Raises:
        ModelError: the wiring is none that has these matrices.
    """
    maps: list[LinearMap] = []
    try:
        with torch.enable_grad(), _cut(layer, maps, where):
            layer(*call[0], **call[1])
    except ModelError:
        raise
    except Exception as error:  # an unusual layer can fail in any way
        raise ModelError(
            f"The wiring of {where} cannot be tried out ({first_line(error)}): "
            "choose another decoder-only model."
        ) from error
    roles = Roles()
    reach = {id(target): _reach(target, maps) for target in maps}
    mixing = [
        target for target in maps if any(bool(later.any()) for _, later, _ in reach[id(target)])
    ]
    if len(mixing) != 1:
        raise ModelError(
            f"In {where} {len(mixing)} linear maps take in what other tokens said, so that its "
            "attention has no single output projection: choose a model with ordinary attention."
        )
    (out,) = mixing
    roles.add("o", out, torch.ones(out.leaf.shape[-1], dtype=torch.bool))
    for source, (first, later, own) in zip(maps, reach[id(out)], strict=True):
        roles.add("v", source, first & later)
        roles.add("k", source, ~first & later)
        roles.add("q", source, ~first & ~later & own)
    _feed_forward(maps, out, reach, roles, where)
    return roles


def _feed_forward(
    maps: list[LinearMap], out: LinearMap, reach: dict[int, Any], roles: Roles, where: str
) -> None:
    fed = set()
    for down in (target for target in maps if target is not out):
        sources = [
            source
            for source, (_, _, own) in zip(maps, reach[id(down)], strict=True)
            if source is not out and bool(own.any())
        ]
        if not sources:
            continue
        width = down.entering.shape[-1]
        linear = [_enters_linearly(down, source) for source in sources]
        n_linear = sum(int(rows.sum()) for rows in linear)
        n_rows = sum(len(rows) for rows in linear)
        gated = n_linear == width and n_rows == 2 * width
        if not gated and n_rows != width:
            raise ModelError(
                f"In {where} {n_rows} outputs feed the {width} inputs of {down.name}, {n_linear} "
                "of them linearly, so that up and gate cannot be told apart: choose a model with "
                "an ordinary feed-forward network."
            )
        for source, rows in zip(sources, linear, strict=True):
            roles.add("up", source, rows if gated else torch.ones_like(rows))
            if gated:
                roles.add("gate", source, ~rows)
        roles.add("down", down, torch.ones(down.leaf.shape[-1], dtype=torch.bool))
        fed |= {id(source) for source in sources}
    chained = [linear.name for linear, _ in roles.rows.get("down", []) if id(linear) in fed]
    if chained:
        raise ModelError(
            f"In {where} {chained[0]} takes in the output of a linear map and feeds another, so "
            "that up and down cannot be told apart: choose a model with an ordinary feed-forward "
            "network."
        )


@contextmanager
def _cut(layer: nn.Module, maps: list[LinearMap], where: str) -> Iterator[None]:
    """Replace what leaves each linear map by random numbers while the block runs."""
    random = torch.Generator().manual_seed(0)

    def numbers(size: int, like: torch.Tensor) -> torch.Tensor:
        # Each output has a size of its own, between 0.5 and 1.5, and one of two values by token:
        # no activation's derivative is the same at both, and a linear one's always is.
        base = torch.rand(size, generator=random) + 0.5
        second = torch.rand(TEXTS, TOKENS, size, generator=random) < 0.5
        leaf = torch.where(second, -0.6 * base, base)
        return leaf.to(like).requires_grad_()

    def hook(name: str) -> Any:
        def replace(module: nn.Module, args: tuple[Any, ...], output: object) -> object:
            entering = args[0] if args else None
            if not isinstance(entering, torch.Tensor) or not isinstance(output, torch.Tensor):
                return None
            if not entering.is_floating_point() or output.shape[:-1] != entering.shape[:-1]:
                return None
            if any(linear.module is module for linear in maps):
                raise ModelError(
                    f"In {where} {name} runs more than once: choose a model that does not share "
                    "its weights within a layer."
                )
            if entering.shape[:-1].numel() != TEXTS * TOKENS:
                raise ModelError(
                    f"In {where} {name} sees only some of the tokens, so that its part cannot be "
                    "told: choose a model without experts, or with transformers' own kind of them."
                )
            leaf = numbers(output.shape[-1], output)
            seen = entering.reshape(TEXTS, TOKENS, -1)
            maps.append(LinearMap(name, module, seen, leaf))
            # A copy, as some layers add in place.
            return leaf.reshape(output.shape).clone()

        return replace

    handles = [
        module.register_forward_hook(hook(name))
        for name, module in layer.named_modules()
        if (weight := getattr(module, "weight", None)) is not None
        and isinstance(weight, torch.Tensor)
        and weight.dim() == 2
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _reach(
    target: LinearMap, maps: Sequence[LinearMap]
) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """Say for each map's outputs whether they reach what enters `target`.

    Returns:
        For each map three truth values an output: from the first token to the first, from the
        first to the last, from the last to the last.
    """
    first = _derivatives(target, maps, 0)
    last = _derivatives(target, maps, TOKENS - 1)
    sizes = [
        tuple(g.abs().amax(dim=0) for g in (one[:, 0], two[:, 0], two[:, -1]))
        for one, two in zip(first, last, strict=True)
    ]
    least = _NOTHING * max(float(size.max()) for three in sizes for size in three)
    return [tuple((size > least).cpu() for size in three) for three in sizes]  # type: ignore[misc]


def _derivatives(
    target: LinearMap, maps: Sequence[LinearMap], token: int | slice
) -> list[torch.Tensor]:
    """Return the derivatives of a fixed mixture of what enters, with respect to each map's leaf."""
    leaves = [source.leaf for source in maps]
    if not target.entering.requires_grad:
        return [torch.zeros_like(leaf) for leaf in leaves]
    random = torch.Generator().manual_seed(1)
    width = target.entering.shape[-1]
    weights = (torch.rand(width, generator=random) + 0.5).to(target.entering)
    return list(
        torch.autograd.grad(
            (target.entering[:, token] * weights).sum(),
            leaves,
            retain_graph=True,
            allow_unused=True,
            materialize_grads=True,
        )
    )


def _enters_linearly(target: LinearMap, source: LinearMap) -> torch.Tensor:
    """Say which outputs of `source` enter `target` linearly, a truth value for each.

    An output that has another value at some token, and the same derivative, enters linearly.
    """
    (found,) = _derivatives(target, [source], slice(None))
    slope = found.flatten(0, 1)
    value = source.leaf.detach().flatten(0, 1)
    tolerance = 1e-4 * slope.abs().amax(dim=0)
    changed = value != value[0]
    same = (slope - slope[0]).abs() <= tolerance
    return (changed & same).any(dim=0).cpu()
