"""A weight matrix of a layer, and the weights or rows of weights that it is made of."""

from dataclasses import dataclass

import torch
from torch import nn


@dataclass(frozen=True, eq=False)
class Part:
    """A weight, or those of its outputs that belong to a matrix.

    Attributes:
        weight: the whole parameter, of two dimensions, or of three for a stack of experts.
        module: the module whose linear map it is; None for a stack of experts.
        axis: dimension of the weight that counts outputs.
        outputs: numbers of the outputs that belong to the matrix; None if all do.
    """

    weight: nn.Parameter
    module: nn.Module | None
    axis: int
    outputs: torch.Tensor | None

    def of(self, gradient: torch.Tensor) -> torch.Tensor:
        """Cut the part out of something of the weight's shape."""
        return gradient if self.outputs is None else gradient.index_select(self.axis, self.outputs)


@dataclass(frozen=True, eq=False)
class Matrix:
    """One matrix of one layer.

    With experts it is the block-diagonal matrix of all of them (and of a shared expert), so that
    its singular values are those of its parts together.
    """

    layer: int
    kind: str
    parts: tuple[Part, ...]
