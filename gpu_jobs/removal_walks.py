"""The model and its one-layer removals over families of rows, within tokens and memory."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch

from gpu_jobs.heads import Head, read
from gpu_jobs.layer_walk import Entering, Work, walk
from gpu_jobs.packing import Family, Request, Row, families, pack
from gpu_jobs.prefixes import Filling
from gpu_jobs.scoring import Batch, batch_of, tolerance
from gpu_jobs.sublayers import SubLayers
from gpu_jobs.surgery import removed

#: Rows are much shorter than another below this share of its length.
_ALIKE = 0.8
#: Share of the budget of tokens from which on more of them are not much quicker.
_ENOUGH = 0.25


@dataclass(frozen=True)
class Limits:
    """How much goes through a model at once, and what the model is able to do.

    Attributes:
        tokens: over all removals, that go through a layer at once.
        memory: bytes for what is kept for later passes: keys, values and hidden states.
        prefix_bytes: of a token of a prefix in all layers; 0 if the model reads no prefix apart.
        shared_layers: whether removals walk together.
        shared_tokens: whether what sequences begin with is read once.
        sublayers: what of a layer is removed; None is all of it.
        short_of_memory: called with the bytes that hidden states would take, where they are
            computed again instead.
    """

    tokens: int
    memory: int = 2**31
    prefix_bytes: int = 0
    shared_layers: bool = True
    shared_tokens: bool = True
    sublayers: SubLayers | None = None
    short_of_memory: Callable[[int], None] = field(default=lambda needed: None)

    def families(self, requests: Sequence[Request], n_variants: int) -> list[Family]:
        """Return rows that hold all requests, with prefixes that leave room for two variants."""
        if not self.prefix_bytes or not self.shared_layers:
            return [Family((), pack(requests, self.shared_tokens))]
        longest = self.memory // (2 * self.prefix_bytes)
        return families(requests, self.tokens // n_variants, longest, self.shared_tokens)


@dataclass(frozen=True)
class Said:
    """What the model or a removal says of one batch.

    Attributes:
        number: of the batch in its family.
        batch: its rows.
        layer: the removed layer; None is the model, which comes first for each batch.
        hidden: the last hidden states at the batch's places, shape (places, width).
        head: gives their logits.
    """

    number: int
    batch: Batch
    layer: int | None
    hidden: torch.Tensor
    head: Head


def variants(
    model: Any, family: Family, layers: Sequence[int], limits: Limits, work: Work
) -> Iterator[Said]:
    """Yield what the model and its removals say of a family's rows.

    Args:
        model: on its device, maybe with layers removed already.
        family: the rows.
        layers: numbers of the layers, among those that are left, that are removed one at a time.
        limits: how much goes through the model at once.
        work: counts what is done.
    """
    chosen = sorted(layers)
    if not limits.shared_layers:
        for number, rows in enumerate(_batches(family.rows, limits.tokens)):
            yield from _plainly(model, number, rows, chosen, limits, work)
        return
    longest = max(len(family.prefix), len(family.rows[0].tokens))
    if family.prefix:
        size = min(_party(limits, longest), limits.memory // _bytes(family, limits) - 1)
        batches = list(_batches(family.rows, limits.tokens // (1 + min(size, len(chosen)))))
        yield from _walked(model, family.prefix, batches, _parties(chosen, size), limits, work)
        return
    for number, rows in enumerate(_batches(family.rows, limits.tokens // (1 + len(chosen)))):
        parties = _parties(chosen, _party(limits, len(rows[0].tokens)))
        yield from _walked(model, (), [rows], parties, limits, work, number)


def without(
    model: Any, layers: Sequence[int], sublayers: SubLayers | None
) -> AbstractContextManager[object]:
    """Leave layers out of a model, or a part of each, while the block runs."""
    if not layers:
        return nullcontext()
    return removed(model, layers) if sublayers is None else sublayers.without(layers)


def can_walk(model: Any, sublayers: SubLayers | None = None) -> bool:
    """Tell by trial whether walks give what the model gives without a layer.

    They do not where layers take arguments that cannot be repeated for more rows.
    """
    n_layers = int(model.config.get_text_config(decoder=True).num_hidden_layers)
    size = model.get_input_embeddings().weight.shape[0]
    requests = [Request(n, tuple((n + k) % size for k in range(9 + n)), (n,)) for n in range(3)]
    rows = pack(requests)
    chosen = sorted({n_layers // 3, 2 * n_layers // 3})
    parties = [(layer,) for layer in chosen]
    limits = Limits(0, sublayers=sublayers)
    try:
        with torch.inference_mode():
            found = list(_walked(model, (), [rows], parties, limits, Work()))
            expected = list(_plainly(model, 0, rows, chosen, limits, Work()))
    except Exception:  # an unusual model fails in any way
        return False
    errors = [
        float((one.hidden - other.hidden).double().norm() / other.hidden.double().norm())
        for one, other in zip(found, expected, strict=True)
    ]
    return all(error <= tolerance(found[0].hidden.dtype) for error in errors)


def _party(limits: Limits, longest: int) -> int:
    """Return how many removals go through a layer at once beside the model itself."""
    return max(1, limits.tokens // longest - 1)


def _parties(chosen: Sequence[int], size: int) -> list[tuple[int, ...]]:
    found = [tuple(chosen[first : first + size]) for first in range(0, len(chosen), size)]
    return found or [()]


def _bytes(family: Family, limits: Limits) -> int:
    return len(family.prefix) * limits.prefix_bytes


def _batches(rows: Sequence[Row], budget: int) -> Iterator[list[Row]]:
    """Yield rows in order, as many at once as the budget of tokens allows, at least one.

    Of few rows neighbours differ much in length. A batch that fills a part of the budget already is
    as quick by token, and ends before it would be padded for a much shorter row.
    """
    group: list[Row] = []
    for row in rows:
        if group:
            # Rows come longest first, so the first one is as wide as the batch.
            width = len(group[0].tokens)
            is_full = (len(group) + 1) * width > budget
            is_ragged = len(row.tokens) < _ALIKE * width
            if is_full or (is_ragged and len(group) * width >= _ENOUGH * budget):
                yield group
                group = []
        group.append(row)
    if group:
        yield group


def _walked(
    model: Any,
    prefix: tuple[int, ...],
    batches: Sequence[Sequence[Row]],
    parties: Sequence[tuple[int, ...]],
    limits: Limits,
    work: Work,
    first: int = 0,
) -> Iterator[Said]:
    """Let parties of removals walk one after the other, the model itself with the first one."""
    config = model.config.get_text_config(decoder=True)
    weight = next(model.parameters())
    n_tokens = len(prefix) + sum(len(rows) * len(rows[0].tokens) for rows in batches)
    needed = (len(parties) - 1) * n_tokens * config.hidden_size * weight.element_size()
    most = 1 + max(len(party) for party in parties)
    kept = frozenset(party[0] for party in parties[1:])
    if needed > limits.memory - most * len(prefix) * limits.prefix_bytes:
        limits.short_of_memory(needed)
        kept = frozenset()
    before = Entering(kept)
    entering = [Entering(kept) for _ in batches]
    for party in parties:
        whole = party is parties[0]
        known = {}
        if prefix:
            cache = Filling()
            tokens = torch.tensor([prefix], device=weight.device)
            inputs = {"input_ids": tokens, "past_key_values": cache}
            walk(
                model,
                inputs,
                party,
                whole=whole,
                entering=before,
                sublayers=limits.sublayers,
                work=work,
            )
            n_layers = int(config.num_hidden_layers)
            known["past_key_values"] = cache.before(n_layers, len(prefix))
        for number, rows in enumerate(batches):
            batch = batch_of(rows, weight.device, weight.dtype, len(prefix))
            hidden, head = walk(
                model,
                {**batch.inputs, **known},
                party,
                whole=whole,
                entering=entering[number],
                sublayers=limits.sublayers,
                work=work,
            )
            names = (None, *party) if whole else party
            for layer, states in zip(names, hidden, strict=True):
                at_places = states[batch.row, batch.position]
                yield Said(first + number, batch, layer, at_places, head)


def _plainly(
    model: Any,
    number: int,
    rows: Sequence[Row],
    chosen: Sequence[int],
    limits: Limits,
    work: Work,
) -> Iterator[Said]:
    """Run the model, and then each removal by itself."""
    weight = next(model.parameters())
    batch = batch_of(rows, weight.device, weight.dtype)
    depth = int(model.config.get_text_config(decoder=True).num_hidden_layers)
    tokens = batch.inputs["input_ids"].numel()
    work.tokens += tokens * (1 + len(chosen))
    less = depth - 1 if limits.sublayers is None else depth
    work.layer_tokens += tokens * (depth + len(chosen) * less)
    hidden, head = read(model, batch.inputs)
    yield Said(number, batch, None, hidden[batch.row, batch.position], head)
    for layer in chosen:
        with without(model, (layer,), limits.sublayers):
            hidden, head = read(model, batch.inputs)
            yield Said(number, batch, layer, hidden[batch.row, batch.position], head)
