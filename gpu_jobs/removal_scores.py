"""What a model and each of its one-layer removals says of items: answers and outputs."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gpu_jobs.heads import Head, read
from gpu_jobs.items import ItemSet
from gpu_jobs.layer_walk import walk
from gpu_jobs.packing import Request, Row, pack
from gpu_jobs.scoring import Batch, batch_of, token_scores, tolerance
from gpu_jobs.surgery import removed

#: Rows of logits that are held at once.
_PLACES = 512


@dataclass(frozen=True)
class RemovalScores:
    """Scores of the model (first) and of its removals, in the order of `layers`.

    Attributes:
        layers: the removed layers' numbers among those that are left.
        score: 0-1, shape (1 + layers, items).
        log_likelihood: of the right answer (a text: of the text), in nats, same shape.
        n_tokens: of the right answer, shape (items,).
        outputs: by name the mean over the right answer's places of a distance between the
            outputs of removal and model, same shape; empty if they were not asked for.
            `output_cosine`: 1 - cosine of the last hidden states; `output_norm`: norm of their
            difference over the norm of the model's; `output_divergence`: Jensen-Shannon
            divergence of the distributions over the vocabulary, in nats.
    """

    layers: tuple[int, ...]
    score: np.ndarray
    log_likelihood: np.ndarray
    n_tokens: np.ndarray
    outputs: dict[str, np.ndarray]

    @property
    def accuracy(self) -> np.ndarray:
        """Mean score, 0-1, shape (1 + layers,)."""
        return np.asarray(self.score.mean(axis=1))

    @property
    def log_perplexity(self) -> np.ndarray:
        """Mean negative log-likelihood over right answers' tokens, shape (1 + layers,)."""
        return np.asarray(-self.log_likelihood.sum(axis=1) / self.n_tokens.sum())


@dataclass
class Work:
    """What was done, in units that do not depend on the machine.

    Attributes:
        layer_tokens: tokens that went through a layer.
        tokens: tokens that were embedded.
        logit_rows: rows of logits.
    """

    layer_tokens: int = 0
    tokens: int = 0
    logit_rows: int = 0


def score_removals(
    model: Any,
    item_set: ItemSet,
    layers: Sequence[int],
    *,
    budget: int,
    outputs: bool = False,
    shared_layers: bool = True,
    shared_tokens: bool = True,
    advance: Callable[[int], None] = lambda items: None,
    work: Work | None = None,
) -> RemovalScores:
    """Score a model and its removals on items.

    Args:
        model: on its device, maybe with layers removed already.
        item_set: the items.
        layers: numbers of the layers, among those that are left, that are removed one at a time.
        budget: tokens, over all variants, that go through a layer at once.
        outputs: also compare outputs.
        shared_layers: compute what lies below a removed layer once.
        shared_tokens: compute what sequences begin with once.
        advance: called with the number of items done, about once a batch.
        work: counts what is done.
    """
    rows = pack(item_set.requests, shared_tokens)
    collected = _Collected(item_set, 1 + len(layers), outputs)
    for some in _batches(rows, budget, 1 + len(layers) if shared_layers else 1):
        batch = batch_of(some, model.device, next(model.parameters()).dtype)
        found = _variants(model, batch, layers, shared_layers)
        collected.add(batch, found)
        advance(sum(len(row.requests) for row in some))
        if work is not None:
            _count(work, batch, len(layers), model, shared_layers)
    return collected.finish(tuple(layers))


def can_walk(model: Any) -> bool:
    """Tell by trial whether a walk gives what the model without its middle layer gives.

    It does not where layers take arguments that cannot be repeated for more rows.
    """
    layer = int(model.config.get_text_config(decoder=True).num_hidden_layers) // 2
    size = model.get_input_embeddings().weight.shape[0]
    requests = [Request(n, tuple((n + k) % size for k in range(9 + n)), (n,)) for n in range(3)]
    batch = batch_of(pack(requests), model.device, next(model.parameters()).dtype)
    with torch.inference_mode():
        (_, (found, _)), (_, (expected, _)) = (
            list(_variants(model, batch, (layer,), shared)) for shared in (True, False)
        )
    error = (found.double() - expected.double()).norm() / expected.double().norm()
    return bool(error <= tolerance(found.dtype))


def _batches(rows: Sequence[Row], budget: int, times: int) -> Iterator[list[Row]]:
    """Yield rows in order, as many at once as the budget of tokens allows, at least one."""
    group: list[Row] = []
    for row in rows:
        # Rows come longest first, so the first one is as wide as the batch.
        if group and (len(group) + 1) * len(group[0].tokens) * times > budget:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _variants(
    model: Any, batch: Batch, layers: Sequence[int], shared: bool
) -> Iterator[tuple[torch.Tensor, Head]]:
    """Yield the last hidden states at the batch's places, shape (places, width), and the head."""
    if shared:
        hidden, head = walk(model, batch.inputs, layers)
        order = {layer: number for number, layer in enumerate(sorted(layers), start=1)}
        for number in (0, *(order[layer] for layer in layers)):
            yield hidden[number][batch.row, batch.position], head
        return
    hidden, head = read(model, batch.inputs)
    yield hidden[batch.row, batch.position], head
    for layer in layers:
        with removed(model, (layer,)):
            hidden, head = read(model, batch.inputs)
            yield hidden[batch.row, batch.position], head


def _count(work: Work, batch: Batch, n_layers: int, model: Any, shared: bool) -> None:
    depth = int(model.config.get_text_config(decoder=True).num_hidden_layers)
    tokens = batch.inputs["input_ids"].numel()
    work.tokens += tokens * (1 if shared else 1 + n_layers)
    work.logit_rows += len(batch.row) * (1 + n_layers)
    removals = n_layers * (n_layers - 1) // 2 if shared else n_layers * (depth - 1)
    work.layer_tokens += tokens * (depth + removals)


class _Collected:
    """Results of batches, put together by item."""

    def __init__(self, item_set: ItemSet, n_variants: int, outputs: bool) -> None:
        self.item_set, self.outputs = item_set, outputs
        n_requests = sum(len(item.sequences) for item in item_set.items)
        self.said = np.zeros((n_variants, n_requests))
        self.hit = np.zeros((n_variants, n_requests), dtype=bool)
        names = ("output_cosine", "output_norm", "output_divergence") if outputs else ()
        self.compared = {name: np.zeros((n_variants, n_requests)) for name in names}

    def add(self, batch: Batch, variants: Iterator[tuple[torch.Tensor, Head]]) -> None:
        numbers = list(batch.numbers)
        lengths = batch.summed(torch.ones_like(batch.answer)).tolist()
        last = torch.tensor(lengths, device=batch.answer.device).cumsum(0) - 1
        whole: tuple[torch.Tensor, torch.Tensor] | None = None
        for number, (hidden, head) in enumerate(variants):
            logits = torch.cat([head(part) for part in hidden.split(_PLACES)])
            said, hit = token_scores(logits, batch)
            self.said[number, numbers] = batch.summed(said.double()).tolist()
            # Of a text the last token alone decides, of an answer all do.
            right = hit[last] if self.item_set.is_text else batch.summed((~hit).long()) == 0
            self.hit[number, numbers] = right.tolist()
            if not self.outputs:
                continue
            whole = (hidden, logits) if whole is None else whole
            for name, distance in _distances(*whole, hidden, logits).items():
                summed = batch.summed(distance[batch.place].double()).tolist()
                self.compared[name][number, numbers] = np.divide(summed, lengths)

    def finish(self, layers: tuple[int, ...]) -> RemovalScores:
        items, firsts = self.item_set.items, self.item_set.firsts
        right = firsts + np.asarray([item.right for item in items])
        score = np.asarray(
            [
                [
                    item.score(
                        list(
                            zip(
                                said[first : first + len(item.sequences)].tolist(),
                                hit[first : first + len(item.sequences)].tolist(),
                                strict=True,
                            )
                        )
                    )
                    for item, first in zip(items, firsts, strict=True)
                ]
                for said, hit in zip(self.said, self.hit, strict=True)
            ]
        )
        return RemovalScores(
            layers,
            score,
            self.said[:, right],
            np.asarray([len(item.sequences[item.right][1]) for item in items]),
            {name: values[:, right] for name, values in self.compared.items()},
        )


def _distances(
    hidden: torch.Tensor, logits: torch.Tensor, other: torch.Tensor, other_logits: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return distances between two outputs at each place, shape (places,)."""
    one, two = hidden.double(), other.double()
    cosine = torch.nn.functional.cosine_similarity(one, two, dim=-1)
    divergence = [
        _jensen_shannon(p.float(), q.float())
        for p, q in zip(logits.split(64), other_logits.split(64), strict=True)
    ]
    return {
        "output_cosine": 1.0 - cosine,
        "output_norm": (two - one).norm(dim=-1) / one.norm(dim=-1),
        "output_divergence": torch.cat(divergence),
    }


def _jensen_shannon(logits: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Return the Jensen-Shannon divergence, in nats, of each pair of rows of logits."""
    p, q = logits.log_softmax(dim=-1), other.log_softmax(dim=-1)
    middle = torch.logaddexp(p, q) - np.log(2.0)
    terms = p.exp() * (p - middle) + q.exp() * (q - middle)
    return 0.5 * terms.sum(dim=-1)
