"""Reading once what many rows begin with: its keys and values serve all rows and their variants."""

from dataclasses import replace
from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import DynamicLayer

from gpu_jobs.heads import read
from gpu_jobs.packing import Family, pack
from gpu_jobs.scoring import answer_logits, batch_of, tolerance


class _Before(DynamicLayer):
    """Keys and values of the prefix in one layer; those of rows are put behind and not kept."""

    def __init__(self, read_before: Any, length: int) -> None:
        """Take what the prefix left, if the layer ran for it, and the prefix's tokens."""
        super().__init__()
        self.length = length
        if read_before is not None:
            self.keys, self.values = read_before.keys, read_before.values
            self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return keys and values of prefix and rows."""
        return _joined(self.keys, key_states), _joined(self.values, value_states)

    def get_seq_length(self) -> int:
        """Return the prefix's tokens."""
        return self.length


def _joined(before: torch.Tensor | None, own: torch.Tensor) -> torch.Tensor:
    """Put each variant's prefix, (variants, ...), before its rows, (variants x rows, ...)."""
    assert before is not None
    n_variants = len(before)
    rows = own.view(n_variants, -1, *own.shape[1:])
    shared = before.unsqueeze(1).expand(-1, rows.shape[1], -1, -1, -1)
    return torch.cat([shared, rows], dim=-2).flatten(0, 1)


class Filling(DynamicCache):
    """The cache that a model is called with to read a prefix."""

    def before(self, n_layers: int, length: int) -> Cache:
        """Return the cache that the model is called with to read rows behind the prefix.

        Args:
            n_layers: of the model.
            length: of the prefix.
        """
        known = {number: layer for number, layer in enumerate(self.layers) if _is_filled(layer)}
        return Cache(layers=[_Before(known.get(number), length) for number in range(n_layers)])

    @property
    def token_bytes(self) -> int:
        """The bytes that a token takes in all layers."""
        filled: list[Any] = [layer for layer in self.layers if _is_filled(layer)]
        sizes = [t.numel() * t.element_size() for one in filled for t in (one.keys, one.values)]
        return int(sum(sizes) // filled[0].get_seq_length())


def _is_filled(layer: object) -> bool:
    return isinstance(layer, DynamicLayer) and layer.is_initialized


def prefix_bytes(model: Any, family: Family) -> int:
    """Tell by trial whether a model reads rows behind a prefix as it reads them whole.

    It does not where it keeps no keys and values, or counts positions in another way.

    Args:
        model: a causal language model.
        family: rows with a prefix; up to three of its sequences are tried.

    Returns:
        The bytes that a token of a prefix takes in all layers; 0 if it does not.
    """
    try:
        with torch.inference_mode():
            size, pairs = _both_ways(model, family)
            errors = [
                float((one - other).norm() / (other - other.mean(dim=-1, keepdim=True)).norm())
                for one, other in pairs
            ]
    except Exception:  # a model that takes no such cache refuses it in any way
        return 0
    return size if all(e <= tolerance(next(model.parameters()).dtype) for e in errors) else 0


def _both_ways(model: Any, family: Family) -> tuple[int, list[tuple[torch.Tensor, torch.Tensor]]]:
    """Return a token's bytes, and logits at answers behind the prefix and in whole sequences."""
    length = len(family.prefix)
    dtype = next(model.parameters()).dtype
    row = next((row for row in family.rows if not row.is_plain), family.rows[0])
    picked = [row.requests[0], row.requests[-1], family.rows[-1].requests[-1]]
    cache = Filling()
    read(
        model,
        {
            "input_ids": torch.tensor([family.prefix], device=model.device),
            "past_key_values": cache,
        },
    )
    n_layers = int(model.config.get_text_config(decoder=True).num_hidden_layers)
    known = {"past_key_values": cache.before(n_layers, length)}
    pairs = []
    rows = pack([replace(one, number=n) for n, one in enumerate(picked)], not row.is_plain)
    for one in rows:
        batch = batch_of([one], model.device, dtype, length)
        found = answer_logits(model, replace(batch, inputs={**batch.inputs, **known}))
        for number, logits in found.items():
            whole = replace(picked[number], prompt=(*family.prefix, *picked[number].prompt))
            alone = batch_of(pack([whole]), model.device, dtype)
            pairs.append((logits, answer_logits(model, alone)[whole.number]))
    return cache.token_bytes, pairs
