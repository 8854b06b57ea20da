"""The experiment on a decoder layer: random outputs of its linear maps, and who depends on them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError

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


@contextmanager
def random_outputs(layer: nn.Module, maps: list[LinearMap], where: str) -> Iterator[None]:
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


def reach_of(
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


def enters_linearly(target: LinearMap, source: LinearMap) -> torch.Tensor:
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
