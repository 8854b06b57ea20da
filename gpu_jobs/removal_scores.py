"""What a model and each of its one-layer removals says of items: answers and outputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gpu_jobs.heads import Head
from gpu_jobs.items import ItemSet
from gpu_jobs.layer_walk import Work
from gpu_jobs.removal_walks import Limits, Said, variants
from gpu_jobs.scoring import token_scores

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


def score_removals(
    model: Any,
    item_set: ItemSet,
    layers: Sequence[int],
    limits: Limits,
    *,
    outputs: bool = False,
    advance: Callable[[int], None] = lambda items: None,
    work: Work | None = None,
) -> RemovalScores:
    """Score a model and its removals on items.

    Args:
        model: on its device, maybe with layers removed already.
        item_set: the items.
        layers: numbers of the layers, among those that are left, that are removed one at a time.
        limits: how much goes through the model at once, and what the model is able to do.
        outputs: also compare outputs.
        advance: called with the number of answers done, about once a batch.
        work: counts what is done.
    """
    collected = _Collected(item_set, layers, outputs)
    work = work or Work()
    done = _Share(1 + len(layers), advance)
    for family in limits.families(item_set.requests, 1 + len(layers)):
        collected.begin()
        for said in variants(model, family, layers, limits, work):
            collected.add(said)
            work.logit_rows += len(said.hidden)
            done.add(len(said.batch.numbers))
    return collected.finish(tuple(layers))


class _Share:
    """Counts answers of variants, and tells of whole answers."""

    def __init__(self, n_variants: int, advance: Callable[[int], None]) -> None:
        self.n_variants, self.advance, self.rest = n_variants, advance, 0

    def add(self, count: int) -> None:
        whole, self.rest = divmod(self.rest + count, self.n_variants)
        if whole:
            self.advance(whole)


class _Collected:
    """Results of batches, put together by item."""

    def __init__(self, item_set: ItemSet, layers: Sequence[int], outputs: bool) -> None:
        self.item_set, self.outputs = item_set, outputs
        n_variants = 1 + len(layers)
        self.place = {layer: number for number, layer in enumerate((None, *layers))}
        n_requests = sum(len(item.sequences) for item in item_set.items)
        self.said = np.zeros((n_variants, n_requests))
        self.hit = np.zeros((n_variants, n_requests), dtype=bool)
        names = ("output_cosine", "output_norm", "output_divergence") if outputs else ()
        self.compared = {name: np.zeros((n_variants, n_requests)) for name in names}
        # One walk's, fewer places than are projected at once.
        self.waiting: list[Said] = []

    def begin(self) -> None:
        """Forget what the model itself said of an earlier family's batches."""
        self._project()
        self.whole: dict[int, torch.Tensor] = {}
        self.logits: tuple[int, torch.Tensor] | None = None

    def add(self, said: Said) -> None:
        n_places = sum(len(one.hidden) for one in (*self.waiting, said))
        if self.waiting and (said.head is not self.waiting[0].head or n_places > _PLACES):
            self._project()
        self.waiting.append(said)

    def _project(self) -> None:
        """Give what waits its logits, at once: the projection is slow at few places."""
        if not self.waiting:
            return
        waiting, self.waiting = self.waiting, []
        logits = _logits(torch.cat([said.hidden for said in waiting]), waiting[0].head)
        for said, own in zip(waiting, logits.split([len(s.hidden) for s in waiting]), strict=True):
            self._read(said, own)

    def _read(self, said: Said, logits: torch.Tensor) -> None:
        batch = said.batch
        number, numbers = self.place[said.layer], list(batch.numbers)
        lengths = batch.summed(torch.ones_like(batch.answer)).tolist()
        last = torch.tensor(lengths, device=batch.answer.device).cumsum(0) - 1
        likelihood, hit = token_scores(logits, batch)
        self.said[number, numbers] = batch.summed(likelihood.double()).tolist()
        # Of a text the last token alone decides, of an answer all do.
        right = hit[last] if self.item_set.is_text else batch.summed((~hit).long()) == 0
        self.hit[number, numbers] = right.tolist()
        if not self.outputs:
            return
        if said.layer is None:
            self.whole[said.number] = said.hidden
            self.logits = (said.number, logits)
        whole = self.whole[said.number]
        if self.logits is None or self.logits[0] != said.number:
            self.logits = (said.number, _logits(whole, said.head))
        for name, distance in _distances(whole, self.logits[1], said.hidden, logits).items():
            summed = batch.summed(distance[batch.place].double()).tolist()
            self.compared[name][number, numbers] = np.divide(summed, lengths)

    def finish(self, layers: tuple[int, ...]) -> RemovalScores:
        self._project()
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


def _logits(hidden: torch.Tensor, head: Head) -> torch.Tensor:
    return torch.cat([head(part) for part in hidden.split(_PLACES)])


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
