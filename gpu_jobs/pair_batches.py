"""Samples of prompts with responses, padded into batches."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from gpu_jobs.pairs import Sample


@dataclass(frozen=True)
class Batch:
    """Right-padded samples, as tensors of shape (samples, tokens).

    Attributes:
        ids: token ids, int64.
        mask: 1 at real tokens, int64.
        weights: what a token's loss counts for, float32: 1 over the number of response tokens at
            those of the response, else 0; so each sample's weights sum to 1.
        lengths: number of real tokens of each sample.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    weights: torch.Tensor
    lengths: tuple[int, ...]


def batches(samples: Sequence[Sample], size: int, device: Any) -> Iterator[Batch]:
    """Yield batches of at most `size` samples, the longest first: memory runs out at once."""
    ordered = sorted(samples, key=lambda sample: len(sample.ids), reverse=True)
    for start in range(0, len(ordered), size):
        yield make_batch(ordered[start : start + size], device)


def make_batch(rows: Sequence[Sample], device: Any) -> Batch:
    """Return one batch of all of `rows`."""
    longest = max(len(sample.ids) for sample in rows)
    # Padding is masked and comes after the text, so any id that each model knows will do.
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    weights = torch.zeros(len(rows), longest, dtype=torch.float32)
    for row, sample in enumerate(rows):
        end = len(sample.ids)
        ids[row, :end] = torch.tensor(sample.ids)
        mask[row, :end] = 1
        weights[row, end - sample.n_response : end] = 1 / sample.n_response
    lengths = tuple(len(sample.ids) for sample in rows)
    return Batch(ids.to(device), mask.to(device), weights.to(device), lengths)
