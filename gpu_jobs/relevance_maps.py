"""Maps of relevance: the measured columns of one model, item set and set of removed layers."""

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from gpu_jobs import criteria
from gpu_jobs.criteria import Relevance
from gpu_jobs.devices import peak_memory_bytes, start_peak_memory
from gpu_jobs.errors import TaskError
from gpu_jobs.items import ItemSet
from gpu_jobs.paths import Path, left
from gpu_jobs.racing import race
from gpu_jobs.removal_items import outcomes
from gpu_jobs.removal_scores import RemovalScores, score_removals
from gpu_jobs.removal_walks import Limits, without

#: Called with a number of answers or instances done.
Advance = Callable[[int], None]
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Maps:
    """A model without some layers, and items to measure the others on.

    Attributes:
        model: the whole model, on its device.
        path: the removed layers.
        n_layers: layers of the whole model.
        items: the items.
        limits: how much goes through the model at once, and what it is able to do.
    """

    model: Any
    path: Path
    n_layers: int
    items: ItemSet
    limits: Limits

    @property
    def names(self) -> list[int]:
        """The layers that are left, or whose unit is."""
        return left(self.path, self.n_layers)

    @property
    def numbers(self) -> list[int]:
        """Their numbers in the model without the removed ones; a layer's part leaves the layer."""
        names = self.names
        return list(range(len(names))) if self.limits.sublayers is None else names

    def passes(self, numbers: Iterable[int]) -> int:
        """Return through how many layers a token goes if some removals walk together."""
        depth = self.n_layers - (0 if self.limits.sublayers else len(self.path))
        return depth + sum(depth - number - (not self.limits.sublayers) for number in numbers)

    def item_scores(self, advance: Advance) -> Rows:
        """Return a row an item: what the model scores on it."""
        with self._measured() as measured:
            found = self._scored(self.items, (), False, advance)
        both = zip(found.score[0].tolist(), found.log_likelihood[0].tolist(), strict=True)
        return [
            {
                **measured,
                "item": item.name,
                "score": 100.0 * score,
                "log_likelihood": said,
                "chance": 100.0 * item.chance,
            }
            for item, (score, said) in zip(self.items.items, both, strict=True)
        ]

    def by_removal(
        self,
        outputs: bool,
        advance: Advance,
        keep: Callable[[Rows], None] | None = None,
        among: Sequence[int] | None = None,
    ) -> Rows:
        """Return a row a layer and criterion that needs removals, all from the same pass.

        Where the model is not above chance the relevance by accuracy is None.

        Args:
            outputs: also compare outputs, which costs passes over the vocabulary.
            advance: see `Advance`.
            keep: takes a row an item and removal, of the model first.
            among: the layers that are measured, ascending; None is all that are left.
        """
        names = self.names if among is None else among
        number = dict(zip(self.names, self.numbers, strict=True))
        with self._measured() as measured:
            found = self._scored(self.items, [number[name] for name in names], outputs, advance)
        if keep is not None:
            keep(outcomes(found, self.items, names))
        accuracy = found.accuracy.tolist()
        rows: Rows = []
        for criterion in criteria.CRITERIA:
            if criterion not in criteria.BY_REMOVAL - (set() if outputs else criteria.BY_OUTPUT):
                continue
            relevance = None
            with contextlib.suppress(TaskError):
                relevance = criteria.from_removals(criterion, found, self.items)
            shared = {**measured, "score": accuracy[0], "n_scored": len(self.items.items)}
            rows += self._rows(criterion, relevance, shared, accuracy[1:], names)
        return rows

    def by_cosine(self, instances: Sequence[np.ndarray], advance: Advance) -> Rows:
        """Return a row a layer with its cosine-similarity score over instances."""
        with self._measured() as measured, self._without():
            found = criteria.cosine(self.model, instances, advance, self.limits.sublayers)
            found = found.of(self.numbers)
        return self._rows("cosine", found, {**measured, "n_scored": len(self.items.items)})

    def by_taylor(self, length: int, advance: Advance) -> Rows:
        """Return a row a layer with its sum of |weight x gradient|."""
        with self._measured() as measured, self._without():
            found = criteria.taylor(
                self.model, self.items, length, advance, self.limits.sublayers
            ).of(self.numbers)
        return self._rows("taylor", found, {**measured, "n_scored": len(self.items.items)})

    def by_race(self, error_rate: float, seed: int, advance: Advance) -> Rows:
        """Return a row a layer with its accuracy on the items of the rounds it was in.

        Only layers that were scored on as many items as any can be the least relevant.

        Raises:
            TaskError: the model is not above chance on the items that were used.
        """
        whole: list[float] = []

        def score(layers: Sequence[int], chosen: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
            numbers = [self.numbers[place] for place in layers]
            found = self._scored(self.items.part(chosen), numbers, False, advance)
            whole.extend(found.score[0].tolist())
            return found.score[1:], found.log_likelihood[1:]

        places = range(len(self.names))
        with self._measured() as measured:
            raced = race(places, len(self.items.items), score, error_rate=error_rate, seed=seed)
        full, chance = float(np.mean(whole)), self.items.chance
        without = [raced.mean[place] for place in places]
        values = criteria.by_accuracy(full, without, chance, self.items.name)
        relevance = Relevance(tuple(values), tuple(-raced.tie[place] for place in places))
        rows = self._rows("accuracy", relevance, {**measured, "score": full}, without)
        return [
            {**row, "n_scored": raced.scored[place]}
            for place, row in zip(places, rows, strict=True)
        ]

    def _rows(
        self,
        criterion: str,
        relevance: Relevance | None,
        shared: dict[str, Any],
        without: Sequence[float] | None = None,
        names: Sequence[int] | None = None,
    ) -> Rows:
        score = shared.get("score")
        return [
            {
                **shared,
                "step": len(self.path),
                "criterion": criterion,
                "layer": layer,
                "relevance": relevance.values[place] if relevance else None,
                "tie": relevance.ties[place] if relevance else None,
                "score": None if score is None else 100.0 * score,
                "score_without": None if without is None else 100.0 * without[place],
                "chance": 100.0 * self.items.chance,
            }
            for place, layer in enumerate(self.names if names is None else names)
        ]

    def _scored(
        self, items: ItemSet, layers: Sequence[int], outputs: bool, advance: Advance
    ) -> RemovalScores:
        with self._without(), torch.inference_mode():
            return score_removals(
                self.model,
                items,
                layers,
                self.limits,
                outputs=outputs,
                advance=advance,
            )

    def _without(self) -> contextlib.AbstractContextManager[object]:
        return without(self.model, self.path, self.limits.sublayers)

    @contextlib.contextmanager
    def _measured(self) -> Iterator[dict[str, Any]]:
        """Yield what holds the block's time and memory once it has ended."""
        found: dict[str, Any] = {}
        start_peak_memory(self.model.device)
        start = time.monotonic()
        yield found
        found["seconds"] = time.monotonic() - start
        found["peak_memory_bytes"] = peak_memory_bytes(self.model.device)
