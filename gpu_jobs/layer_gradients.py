"""Norms of the layers' gradients over a data set: the pure computation.

Equation 4 of the Structure paper (2509.18136): the nuclear norm of the gradient of each matrix,
accumulated over all entries. The gradient here is the mean over samples of the gradient of each
sample's mean next-token loss over its response tokens; the paper's sum is `n_samples` times that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from gpu_jobs.devices import out_of_memory
from gpu_jobs.errors import DeviceError, ModelError, first_line
from gpu_jobs.gradient_norms import norms_of_gradients
from gpu_jobs.losses import response_loss
from gpu_jobs.matrix_parts import Matrix
from gpu_jobs.norms import Norms
from gpu_jobs.pair_batches import Batch, batches
from gpu_jobs.pairs import Sample
from gpu_jobs.sample_norms import SampleNorms


@dataclass(frozen=True)
class MatrixGradient:
    """What is known of one matrix's gradient.

    Attributes:
        matrix: the matrix.
        norms: norms of the gradient over the data set.
        sample_norms: nuclear norm of the gradient of each sample, in no fixed order; empty if
            these were not asked for.
    """

    matrix: Matrix
    norms: Norms
    sample_norms: list[float]


def layer_gradients(
    model: Any,
    matrices: Sequence[Matrix],
    samples: Sequence[Sample],
    batch_size: int,
    *,
    per_sample: bool = True,
    advance: Callable[[int], None] = lambda count: None,
    on_halving: Callable[[int], None] = lambda size: None,
) -> list[MatrixGradient]:
    """Measure the gradient of each matrix over all samples, in one backward pass a batch.

    The model is put into evaluation mode, so nothing is dropped. Memory is one copy of the
    weights and, in float32 or better, one gradient of the matrices, each freed when its norms are
    taken.
    The result does not depend on the batch size, up to rounding.

    Args:
        model: a causal language model.
        matrices: what `find_matrices` returned for it.
        samples: what to measure on, at least one.
        batch_size: samples a pass; with experts and `per_sample` it is 1.
        per_sample: also take the nuclear norm of each sample's own gradient.
        advance: called after each batch with its number of samples.
        on_halving: called with the new number of samples a batch when memory ran out.

    Raises:
        ModelError: a loss or gradient is not finite, or the model fails.
        DeviceError: a single sample does not fit into memory.
    """
    model.eval()
    if per_sample and any(part.module is None for m in matrices for part in m.parts):
        batch_size = 1
    size = min(batch_size, len(samples))
    while True:
        # Small eigenvalue problems gain nothing from several threads; torch's own are not limited.
        with threadpool_limits(1, user_api="blas"):
            found = _accumulate(model, matrices, samples, size, per_sample, advance)
        if found is not None:
            break
        if size == 1:
            longest = max(len(sample.ids) for sample in samples)
            raise DeviceError(
                f"One sample of {longest} tokens does not fit into the device's memory: "
                "lower --max-length, or choose a smaller --dtype or a larger device."
            )
        # Some gradients may hold part of the batch already, so that everything starts anew; the
        # longest samples come first, so that little is lost.
        size //= 2
        on_halving(size)
    sums, each = found
    norms = norms_of_gradients(matrices, sums)
    return [MatrixGradient(matrix, norms[matrix], each.of(matrix)) for matrix in matrices]


def _accumulate(
    model: Any,
    matrices: Sequence[Matrix],
    samples: Sequence[Sample],
    size: int,
    per_sample: bool,
    advance: Callable[[int], None],
) -> tuple[dict[nn.Parameter, torch.Tensor], SampleNorms] | None:
    """Return the summed gradients of the weights, or None if memory ran out."""
    weights = dict.fromkeys(part.weight for matrix in matrices for part in matrix.parts)
    sums: dict[nn.Parameter, torch.Tensor] = {}
    each = SampleNorms(matrices if per_sample else ())

    def take(weight: nn.Parameter) -> None:
        gradient: Any = weight.grad
        weight.grad = None
        each.whole_gradient(weight, gradient)
        # Many small gradients would vanish in a sum of 8 or 11 bits.
        wide = gradient if gradient.dtype == torch.float64 else gradient.float()
        sums[weight] = sums[weight].add_(wide) if weight in sums else wide

    wanted = {p: p.requires_grad for p in model.parameters()}
    model.requires_grad_(False)
    handles = []
    try:
        for weight in weights:
            weight.requires_grad_(True)
            handles.append(weight.register_post_accumulate_grad_hook(take))
        with each.listening():
            for batch in batches(samples, size, next(model.parameters()).device):
                each.start(batch)
                _backward(model, batch, len(samples))
                advance(len(batch.lengths))
    except Exception as error:  # an unusual model can fail in any way
        if isinstance(error, ModelError):
            raise
        if not out_of_memory(error):
            raise ModelError(
                f"The backward pass of {type(model).__name__} failed ({first_line(error)}): "
                "choose another decoder-only model, or another --device."
            ) from error
        return None
    finally:
        for handle in handles:
            handle.remove()
        for parameter, before in wanted.items():
            parameter.grad = None
            parameter.requires_grad_(before)
    return sums, each


def _backward(model: Any, batch: Batch, n_samples: int) -> None:
    loss = response_loss(model, batch) / n_samples
    if not bool(loss.isfinite()):
        raise ModelError(
            "The loss is NaN or infinite: the number type is too narrow or the weights are "
            "damaged, so try --dtype float32."
        )
    loss.backward()
