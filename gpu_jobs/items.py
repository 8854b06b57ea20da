"""Calibration items: questions with choices, or plain texts, as token sequences to be scored."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np

from gpu_jobs.errors import TaskError
from gpu_jobs.packing import Request
from gpu_jobs.tasks import Task, quiet, reading
from gpu_jobs.texts import TextSet

#: What an answer scored: its log-likelihood, and whether it is the likeliest one.
Answer = tuple[float, bool]


@dataclass(frozen=True)
class Item:
    """A question or a text.

    Attributes:
        name: subject, colon and position in its split.
        sequences: prompt and answer of each choice, as token ids; a text has one, whose prompt
            is its first token.
        score: 0-1, from the answers in the order of `sequences`.
        right: the choice that scores best, the first one of several.
        chance: the mean score of a choice drawn at random; of a text 0.
    """

    name: str
    sequences: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...]
    score: Callable[[Sequence[Answer]], float]
    right: int
    chance: float


@dataclass(frozen=True)
class ItemSet:
    """Items of one task or text set.

    Attributes:
        name: the benchmark or text set.
        split: `train` or `test`; `text` for texts.
        items: the items, in the order of their positions.
        is_text: whether the items are texts, scored by their last token.
        n_cut: sequences that were cut to the context, prompts at their beginning, texts at the end.
    """

    name: str
    split: str
    items: tuple[Item, ...]
    is_text: bool
    n_cut: int

    @cached_property
    def requests(self) -> list[Request]:
        """All sequences, numbered from 0."""
        pairs = chain.from_iterable(item.sequences for item in self.items)
        return [Request(number, *pair) for number, pair in enumerate(pairs)]

    @property
    def firsts(self) -> np.ndarray:
        """The number of each item's first sequence."""
        return np.cumsum([0, *(len(item.sequences) for item in self.items)])[:-1]

    @property
    def chance(self) -> float:
        """r(D) of equation 3 of the relevance paper, as its expectation over random predictors."""
        return float(np.mean([item.chance for item in self.items]))

    @cached_property
    def sha256(self) -> str:
        """Digest of names and token ids."""
        known = [[item.name, item.sequences, item.right] for item in self.items]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()

    def part(self, chosen: Sequence[int]) -> "ItemSet":
        """Return some of the items, by their place."""
        items = tuple(self.items[place] for place in chosen)
        return ItemSet(self.name, self.split, items, self.is_text, self.n_cut)


def drawn(count: int, limit: int | None, seed: int) -> list[int]:
    """Return `limit` of `count` places, drawn without replacement, ascending; all if None."""
    if limit is None or limit >= count:
        return list(range(count))
    return sorted(np.random.default_rng(seed).choice(count, limit, replace=False).tolist())


def of_task(
    task: Task, split: str, limit: int | None, seed: int, encode: Any, max_length: int
) -> ItemSet:
    """Return items of a multiple-choice task.

    Args:
        task: the benchmark.
        split: `train` or `test` (lm-eval's own evaluation split).
        limit: how many are drawn, of each subject if there are several; None takes all.
        seed: of the draw, and of the examples in prompts.
        encode: lm-eval's `_encode_pair`: token ids of context and continuation.
        max_length: tokens of context.

    Raises:
        TaskError: the task has no such split, its answers are written, or a sequence does not
            fit the context.
    """
    found: list[Item] = []
    n_cut = 0
    with quiet(), reading(task.benchmark):
        for name, subject in task.subjects.items():
            documents = _documents(task, subject, split)
            subject.set_fewshot_seed(seed)
            for place in drawn(len(documents), limit, seed):
                item, cut = _item(
                    task, subject, f"{name}:{place}", documents[place], encode, max_length
                )
                found.append(item)
                n_cut += cut
    return ItemSet(task.benchmark.name, split, tuple(found), is_text=False, n_cut=n_cut)


def _documents(task: Task, subject: Any, split: str) -> Any:
    if subject.OUTPUT_TYPE != "multiple_choice":
        raise TaskError(
            f"{task.benchmark.name} has no choices: relevance by accuracy is measured on "
            "multiple-choice tasks and on texts."
        )
    if split == "test":
        return subject.eval_docs
    if not subject.has_training_docs():
        raise TaskError(
            f"{task.benchmark.name} has no train split: calibrate on another task with --tasks, "
            "or on its test split with --split test, which is then no longer a test."
        )
    return subject.training_docs()


def _item(
    task: Task, subject: Any, name: str, document: Any, encode: Any, max_length: int
) -> tuple[Item, int]:
    context = subject.fewshot_context(
        document, num_fewshot=task.benchmark.num_fewshot, gen_prefix=subject.doc_to_prefix(document)
    )
    made = subject.construct_requests(doc=document, ctx=context, metadata=(name, 0, 1))
    # A metric that compares with unconditional answers asks for more than the choices.
    n_choices = len(subject.doc_to_choice(document))
    pairs = [encode(*request.args[:2]) for request in made[:n_choices]]
    longest = max(len(answer) for _, answer in pairs)
    if longest > max_length:
        raise TaskError(
            f"An answer of {name} has {longest} tokens, more than the context of {max_length}: "
            "raise --max-length, or choose a model with a longer context."
        )
    kept = tuple(
        (tuple(prompt[-(max_length + 1 - len(answer)) :]), tuple(answer))
        for prompt, answer in pairs
    )
    cut = sum(len(new) < len(old) for (new, _), (old, _) in zip(kept, pairs, strict=True))

    def score(answers: Sequence[Answer]) -> float:
        return float(subject.process_results(document, list(answers))[task.benchmark.scored])

    sure = [
        score([(0.0 if n == one else -1e30, n == one) for n in range(n_choices)])
        for one in range(n_choices)
    ]
    return Item(name, kept, score, sure.index(max(sure)), sum(sure) / n_choices), cut


def of_texts(name: str, text_set: TextSet, encoded: Sequence[Sequence[int]], n_cut: int) -> ItemSet:
    """Return texts as items: each token is predicted from those before it, the last one scored.

    Args:
        name: of the text set.
        text_set: the texts.
        encoded: their token ids.
        n_cut: how many were cut at their end.

    Raises:
        TaskError: no text has two tokens.
    """
    items = tuple(
        Item(f"{name}:{number}", ((tuple(ids[:1]), tuple(ids[1:])),), _likeliest, 0, 0.0)
        for number, ids in zip(text_set.lines, encoded, strict=True)
        if len(ids) > 1
    )
    if not items:
        raise TaskError(f"No text of {name} has two tokens or more: give longer texts.")
    return ItemSet(name, "text", items, is_text=True, n_cut=n_cut)


def _likeliest(answers: Sequence[Answer]) -> float:
    return float(answers[0][1])


def mixture(sets: Sequence[ItemSet], share: float, seed: int) -> ItemSet:
    """Return a share of each set's items as one set (the relevance paper, section 6: 10 %)."""
    parts = [
        one.part(drawn(len(one.items), max(1, round(share * len(one.items))), seed)) for one in sets
    ]
    items = tuple(chain.from_iterable(part.items for part in parts))
    name = "mixture of " + " ".join(part.name for part in parts)
    return ItemSet(name, "train", items, is_text=False, n_cut=sum(part.n_cut for part in parts))


def sequences(item_set: ItemSet) -> Iterator[tuple[int, ...]]:
    """Yield each item's prompt with its right answer (a text: the text) as token ids."""
    for item in item_set.items:
        prompt, answer = item.sequences[item.right]
        yield (*prompt, *answer)
