"""Nuclear norms of each sample's own gradient, taken during the backward pass of a batch."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from gpu_jobs.errors import ModelError
from gpu_jobs.matrix_parts import Matrix, Part
from gpu_jobs.norms import Rows, singular_values
from gpu_jobs.pair_batches import Batch


class SampleNorms:
    """Listens to linear maps and keeps the nuclear norm of each sample's gradient.

    For the map Y = X Wᵀ the gradient of one sample is G = dYᵀ X, where X and dY have a row a
    token: a matrix of no higher rank than there are tokens, which is never formed. A stack of
    experts does not tell which rows are whose, so its gradient is taken from a pass of one sample.

    The loss must be a sum of the samples' losses. Norms are of the gradient of each sample's own
    part of it, times the number of samples that `of` is asked for.
    """

    def __init__(self, matrices: Sequence[Matrix]) -> None:
        """Prepare for these matrices; none makes the object do nothing."""
        self._sums: dict[Matrix, list[float]] = {matrix: [] for matrix in matrices}
        self._by_module: dict[nn.Module, list[tuple[Matrix, Part]]] = {}
        self._by_stack: dict[nn.Parameter, list[tuple[Matrix, Part]]] = {}
        for matrix in matrices:
            for part in matrix.parts:
                if part.module is None:
                    self._by_stack.setdefault(part.weight, []).append((matrix, part))
                else:
                    self._by_module.setdefault(part.module, []).append((matrix, part))
        self._lengths: tuple[int, ...] = ()
        self._entered: dict[Any, tuple[torch.Tensor, list[Rows]]] = {}
        self._n_samples = 0

    def start(self, batch: Batch) -> None:
        """Prepare for the passes of one batch."""
        self._lengths = batch.lengths
        self._entered = {}
        for sums in self._sums.values():
            sums.extend(0.0 for _ in batch.lengths)
        self._n_samples += len(batch.lengths)

    def of(self, matrix: Matrix) -> list[float]:
        """Return the nuclear norm of each sample's gradient, as if it were the only sample."""
        # Each sample's loss counted for one part in n_samples.
        return [value * self._n_samples for value in self._sums.get(matrix, [])]

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen to the linear maps while the block runs."""
        parts = [part for found in self._by_module.values() for _, part in found]
        on_cpu = all(part.weight.device.type == "cpu" for part in parts)
        # Each sample gets a thread, for small eigenvalue problems gain nothing from several.
        handles = [module.register_forward_hook(self._called) for module in self._by_module]
        try:
            with ThreadPoolExecutor(torch.get_num_threads() if on_cpu else 1) as self._pool:
                yield
        finally:
            self._entered = {}
            for handle in handles:
                handle.remove()

    def whole_gradient(self, weight: nn.Parameter, gradient: torch.Tensor) -> None:
        """Take the norms of a stack of experts from the gradient of a batch of one sample."""
        for matrix, part in self._by_stack.get(weight, ()):
            self._add(matrix, 0, singular_values(part.of(gradient)))

    def _called(self, module: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> None:
        entered = args[0].detach()

        def arrived(gradient: torch.Tensor) -> None:
            self._take(module, entered, gradient)

        output.register_hook(arrived)

    def _take(self, module: nn.Module, entered: torch.Tensor, gradient: torch.Tensor) -> None:
        parts = self._by_module[module]
        factors = self._factors(entered)
        by_sample = self._by_sample(gradient)

        def norms(sample: int) -> list[torch.Tensor]:
            rows = by_sample[sample]
            return [
                factors[sample].singular_values_with(
                    rows if part.outputs is None else rows[:, part.outputs]
                )
                for _, part in parts
            ]

        for sample, found in enumerate(self._pool.map(norms, range(len(by_sample)))):
            for (matrix, _), values in zip(parts, found, strict=True):
                self._add(matrix, sample, values)

    def _factors(self, entered: torch.Tensor) -> list[Rows]:
        """Return the decomposed inputs of each sample, once for maps that share their input."""
        # Q, K and V follow each other, as up and gate do: the last input is kept.
        key = (entered.data_ptr(), entered.shape)
        if key not in self._entered:
            if entered.shape[:-1].numel() % len(self._lengths):
                raise ModelError(
                    "A linear map sees only some of the tokens, so that samples cannot be told "
                    "apart: give --batch-size 1."
                )
            # The tensor is kept, so that its address stays its own.
            self._entered = {key: (entered, list(self._pool.map(Rows, self._by_sample(entered))))}
        return self._entered[key][1]

    def _by_sample(self, rows: torch.Tensor) -> list[torch.Tensor]:
        """Cut a batch into each sample's rows, shape (tokens, width), without those of padding."""
        whole = rows.reshape(len(self._lengths), -1, rows.shape[-1])
        return [whole[sample, :length] for sample, length in enumerate(self._lengths)]

    def _add(self, matrix: Matrix, sample: int, values: torch.Tensor) -> None:
        self._sums[matrix][sample - len(self._lengths)] += float(values.sum())
