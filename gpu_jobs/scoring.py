"""Log-likelihoods of packed requests: one forward pass, logits only where an answer is scored."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch

from gpu_jobs.heads import read
from gpu_jobs.packing import Row, pack

#: Rows of logits that are reduced at once.
_CHUNK = 64


@dataclass(frozen=True)
class Batch:
    """Rows as a model takes them, and where their answers are predicted.

    Attributes:
        inputs: what the model is called with.
        row, position: of each place that predicts an answer's token, once, shape (places,).
        place, token, answer: of each answer's token its place, its id and its answer's number in
            `numbers`, shape (answer tokens,).
        numbers: the requests' numbers.
    """

    inputs: dict[str, Any]
    row: torch.Tensor
    position: torch.Tensor
    place: torch.Tensor
    token: torch.Tensor
    answer: torch.Tensor
    numbers: tuple[int, ...]

    def summed(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of something over each answer's tokens, in the order of `numbers`."""
        found = torch.zeros(len(self.numbers), dtype=values.dtype, device=values.device)
        return found.index_add_(0, self.answer, values)


def tolerance(dtype: torch.dtype) -> float:
    """Return by how much two ways of computing the same may differ, relative to its spread."""
    return 1e-3 if dtype in (torch.float32, torch.float64) else 0.05


def batch_of(
    rows: Sequence[Row], device: torch.device, dtype: torch.dtype, n_before: int = 0
) -> Batch:
    """Return rows as tensors, padded on the right.

    Args:
        rows: one or more.
        device: of the model.
        dtype: of the model's weights, in which a mask is added to attention scores.
        n_before: tokens before every row, which the model has read already.
    """
    width = max(len(row.tokens) for row in rows)
    tokens = torch.zeros(len(rows), width, dtype=torch.long)
    for number, row in enumerate(rows):
        tokens[number, : len(row.tokens)] = torch.from_numpy(row.tokens)
    inputs: dict[str, torch.Tensor] = {"input_ids": tokens}
    # Padding on the right changes nothing under the usual causal mask, which needs no memory.
    if not all(row.is_plain for row in rows):
        depths = torch.zeros(len(rows), width, dtype=torch.long)
        attended = torch.zeros(len(rows), 1, width, n_before + width, dtype=torch.bool)
        for number, row in enumerate(rows):
            length = len(row.tokens)
            depths[number, :length] = n_before + torch.from_numpy(row.depths)
            own = slice(n_before, n_before + length)
            attended[number, 0, :length, :n_before] = True
            attended[number, 0, :length, own] = torch.from_numpy(row.attended())
        mask = torch.zeros(attended.shape, dtype=dtype)
        inputs["attention_mask"] = mask.masked_fill_(~attended, torch.finfo(dtype).min)
        inputs["position_ids"] = depths
    scored = [(n, *pair) for n, row in enumerate(rows) for pair in row.scored()]
    places = np.concatenate([n * width + where for n, where, _ in scored])
    unique, place = np.unique(places, return_inverse=True)
    lengths = [len(answer) for _, _, answer in scored]
    numbers = chain.from_iterable((r.number for r in row.requests) for row in rows)

    def there(array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(array).to(device)

    return Batch(
        {name: tensor.to(device) for name, tensor in inputs.items()},
        there(unique // width),
        there(unique % width),
        there(place),
        there(np.concatenate([answer for _, _, answer in scored])),
        there(np.repeat(np.arange(len(lengths)), lengths)),
        tuple(numbers),
    )


def logits_of(model: Any, batch: Batch) -> torch.Tensor:
    """Return the logits at a batch's places, shape (places, vocabulary)."""
    hidden, head = read(model, batch.inputs)
    return head(hidden[batch.row, batch.position])


def token_scores(logits: torch.Tensor, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
    """Return of each answer's token the log-likelihood, and whether it is the likeliest token.

    Args:
        logits: at the batch's places, shape (places, vocabulary).
        batch: the batch.

    Returns:
        Two tensors of shape (answer tokens,); the first in float32, or in float64 if logits are.
    """
    parts = [
        (part.logsumexp(dim=-1), part.argmax(dim=-1))
        for chunk in logits.split(_CHUNK)
        for part in [chunk if chunk.dtype == torch.float64 else chunk.float()]
    ]
    total = torch.cat([part[0] for part in parts])[batch.place]
    best = torch.cat([part[1] for part in parts])[batch.place]
    return logits[batch.place, batch.token].to(total.dtype) - total, best == batch.token


def log_likelihoods(model: Any, batch: Batch) -> dict[int, tuple[float, bool]]:
    """Return by request number the answer's log-likelihood, and whether it is the likeliest one."""
    said, hit = token_scores(logits_of(model, batch), batch)
    sums = batch.summed(said).tolist()
    missed = batch.summed((~hit).long()).tolist()
    return {
        number: (value, not wrong)
        for number, value, wrong in zip(batch.numbers, sums, missed, strict=True)
    }


def can_share(model: Any, row: Row, batch_of: Callable[[list[Row]], Batch]) -> bool:
    """Tell by trial whether the model says the same of a packed row as of its sequences alone.

    It does not where positions are counted in the row or attention reaches less far than the row
    is long.

    Args:
        model: a causal language model.
        row: a row with branches.
        batch_of: makes a batch of rows.
    """
    try:
        found = answer_logits(model, batch_of([row]))
    except Exception:  # a model that takes no such mask refuses it in any way
        return False
    for alone in pack(row.requests, share=False):
        for number, one in answer_logits(model, batch_of([alone])).items():
            error = (one - found[number]).norm() / (one - one.mean(dim=-1, keepdim=True)).norm()
            if not error <= tolerance(next(model.parameters()).dtype):
                return False
    return True


def answer_logits(model: Any, batch: Batch) -> dict[int, torch.Tensor]:
    """Return by request number the logits its answer is predicted with, (tokens, vocabulary)."""
    logits = logits_of(model, batch)[batch.place].float()
    lengths = batch.summed(torch.ones_like(batch.answer)).tolist()
    return dict(zip(batch.numbers, logits.split(lengths), strict=True))
