"""Norms of the gradients of all matrices, each on a thread of its own."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from threadpoolctl import threadpool_limits
from torch import nn

from gpu_jobs.errors import ModelError
from gpu_jobs.matrix_parts import Matrix, Part
from gpu_jobs.norms import Norms, norms_of, singular_values


def norms_of_gradients(
    matrices: Sequence[Matrix], sums: dict[nn.Parameter, torch.Tensor]
) -> dict[Matrix, Norms]:
    """Return the norms of each matrix, of the gradients `sums` of the weights.

    Each gradient is taken out of `sums`, and let go of when its norms are there.

    Raises:
        ModelError: a gradient is missing or not finite.
    """
    wanted: dict[nn.Parameter, list[tuple[Matrix, Part]]] = {}
    for matrix in matrices:
        for part in matrix.parts:
            wanted.setdefault(part.weight, []).append((matrix, part))
    values: dict[Matrix, list[torch.Tensor]] = {matrix: [] for matrix in matrices}

    def take(weight: nn.Parameter) -> None:
        gradient = sums.pop(weight, None)
        if gradient is None or not _is_finite(gradient):
            matrix, _ = wanted[weight][0]
            what = "is missing" if gradient is None else "holds NaN or infinity"
            raise ModelError(
                f"The gradient of {matrix.kind} of layer {matrix.layer} {what}: try --dtype "
                "float32, or choose another decoder-only model."
            )
        for matrix, part in wanted[weight]:
            values[matrix].append(singular_values(part.of(gradient)).flatten())

    # Eigenvalues gain little from several threads each, so each matrix gets one.
    on_cpu = all(gradient.device.type == "cpu" for gradient in sums.values())
    n_threads = torch.get_num_threads() if on_cpu else 1
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(n_threads) as pool:
        for _ in pool.map(take, wanted):
            pass
    return {matrix: norms_of(torch.cat(values[matrix])) for matrix in matrices}


def _is_finite(gradient: torch.Tensor) -> bool:
    # The sum takes a twentieth of the time; that of finite numbers may still be too large.
    return bool(gradient.sum().isfinite()) or bool(gradient.isfinite().all())
