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

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError, first_line
from gpu_jobs.wiring_trial import LinearMap, enters_linearly, random_outputs, reach_of


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
        with torch.enable_grad(), random_outputs(layer, maps, where):
            layer(*call[0], **call[1])
    except ModelError:
        raise
    except Exception as error:  # an unusual layer can fail in any way
        raise ModelError(
            f"The wiring of {where} cannot be tried out ({first_line(error)}): "
            "choose another decoder-only model."
        ) from error
    roles = Roles()
    reach = {id(target): reach_of(target, maps) for target in maps}
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
        linear = [enters_linearly(down, source) for source in sources]
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
