"""A relevance study: maps of relevance, paths of removals and scores, each filed when finished."""

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from gpu_jobs import criteria, models
from gpu_jobs.criteria import Relevance
from gpu_jobs.devices import peak_memory_bytes, start_peak_memory
from gpu_jobs.evaluation_job import EvaluationJob
from gpu_jobs.items import ItemSet
from gpu_jobs.packing import pack
from gpu_jobs.paths import Path, left
from gpu_jobs.racing import race
from gpu_jobs.relevance_rows import ITEM_SCORES, LAYER_RELEVANCE
from gpu_jobs.relevance_sets import Sets
from gpu_jobs.removal_scores import RemovalScores, score_removals
from gpu_jobs.surgery import removed
from gpu_jobs.worklist import Cell

#: The sources that decide what the numbers are.
COMPUTING = (
    *("criteria.py", "devices.py", "heads.py", "items.py", "layer_state.py", "layer_walk.py"),
    *("layers.py", "models.py", "packing.py", "racing.py", "relevance_study.py"),
    *("removal_scores.py", "scoring.py", "sources.py", "surgery.py", "tasks.py"),
)


@dataclass(frozen=True)
class Calibration:
    """Items that relevance is measured on, and how.

    Attributes:
        items: the items.
        packed: whether cosines are over full-context sequences.
        method: `exact`, or `racing` for the accuracy.
        error_rate: of a race, else None.
    """

    items: ItemSet
    packed: bool = True
    method: str = "exact"
    error_rate: float | None = None


class Study(EvaluationJob):
    """One model and a folder of relevance maps and scores."""

    table = "layer_relevance"

    @cached_property
    def _distances(self) -> dict[Calibration, np.ndarray]:
        return {}

    @cached_property
    def sets(self) -> Sets:
        """The items that the command line asks for."""
        return Sets(self.args, self.model, self.config, self.say)

    def calibrations(self) -> list[Calibration]:
        """Return what relevance is measured on, one after the other."""
        rate = self.args.racing
        return [
            Calibration(found, not self.args.single, "racing" if rate else "exact", rate)
            for found in self.sets.calibrations()
        ]

    def rows(self, calibration: Calibration, criterion: str) -> list[dict[str, Any]]:
        """Return rows of `LAYER_RELEVANCE` of the whole model, measured already."""
        rows = self.read(self.table, self._map(calibration, criterion, ()).made)
        return [row for row in rows if row["criterion"] == criterion]

    def relevance(self, calibration: Calibration, criterion: str, path: Path) -> Relevance:
        """Return the relevance of the layers that are left when some are removed.

        Raises:
            TaskError: the model is not above chance, so that accuracy is undefined.
        """
        cell = self._map(calibration, criterion, path)
        label = f"relevance by {criterion} on {calibration.items.name}, {len(path)} removed"
        self.work_off(label, [cell], LAYER_RELEVANCE)
        rows = [row for row in self.read(self.table, cell.made) if row["criterion"] == criterion]
        rows.sort(key=lambda row: row["layer"])
        if rows[0]["relevance"] is None:
            # Says with its numbers why the measure is undefined.
            items, score = calibration.items, rows[0]["score"] / 100
            criteria.by_accuracy(score, [], items.chance, items.name)
        return Relevance(tuple(row["relevance"] for row in rows), tuple(row["tie"] for row in rows))

    def scores(self, items: ItemSet, path: Path) -> list[dict[str, Any]]:
        """Return rows of `ITEM_SCORES`: what the model without some layers scores on items."""
        made = self._made("item_scores", items, path, {})

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            found, measured = self._scored(items, path, (), False, advance)
            return [
                {
                    **made,
                    **measured,
                    "item": item.name,
                    "score": 100.0 * score,
                    "log_likelihood": said,
                    "chance": 100.0 * item.chance,
                }
                for item, score, said in zip(
                    items.items,
                    found.score[0].tolist(),
                    found.log_likelihood[0].tolist(),
                    strict=True,
                )
            ]

        cell = Cell("item_scores", made, lambda: len(items.requests), compute)
        label = f"{items.name} ({items.split}) without {len(path)} layers"
        self.work_off(label, [cell], ITEM_SCORES)
        return self.read("item_scores", made)

    def distances(self, calibration: Calibration) -> np.ndarray:
        """Return how much each block of adjacent layers of the whole model turns its input."""
        if calibration not in self._distances:
            self._distances[calibration] = criteria.block_distances(
                self.loaded, self._instances(calibration), lambda number: None
            )
        return self._distances[calibration]

    def _instances(self, calibration: Calibration) -> list[np.ndarray]:
        length = models.longest(self.config, self.args.max_length)
        return criteria.instances(calibration.items, calibration.packed, length)

    def _map(self, calibration: Calibration, criterion: str, path: Path) -> Cell:
        """Return the cell of a map; criteria that come from the same pass share one."""
        items = calibration.items
        racing = calibration.method == "racing" and criterion == "accuracy"
        # Comparing outputs costs a pass over the vocabulary, so it is apart.
        group = (
            criterion
            if criterion not in criteria.BY_REMOVAL or racing
            else "outputs"
            if criterion in criteria.BY_OUTPUT
            else "answers"
        )
        chosen = {
            "group": group,
            "packed": calibration.packed if criterion == "cosine" else None,
            "method": "racing" if racing else "exact",
            "error_rate": calibration.error_rate if racing else None,
            "race_seed": self.args.seed if racing else None,
        }
        made = self._made(self.table, items, path, chosen)

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            if racing:
                return self._raced(calibration, path, made, advance)
            if criterion in criteria.BY_REMOVAL:
                return self._removals(items, path, group, made, advance)
            return self._gradients_or_cosines(calibration, criterion, path, made, advance)

        def size() -> int:
            if criterion == "cosine":
                return len(self._instances(calibration))
            return len(items.items) if criterion == "taylor" else len(items.requests)

        return Cell(self.table, made, size, compute)

    def _made(
        self, table: str, items: ItemSet, path: Path, chosen: dict[str, Any]
    ) -> dict[str, Any]:
        known = {
            "task": items.name,
            "split": items.split,
            "protocol": self.args.protocol,
            "n_items": len(items.items),
            "n_truncated": items.n_cut,
            "item_seed": self.args.seed,
            "item_limit": self.args.limit,
            "max_length": self.args.max_length,
            "n_layers": self.n_layers,
            # In which order they were removed changes nothing.
            "removed_layers": " ".join(map(str, sorted(path))),
        }
        return self.made(table, {**known, **chosen}, items.sha256, COMPUTING)

    def _scored(
        self,
        items: ItemSet,
        path: Path,
        layers: Sequence[int],
        outputs: bool,
        advance: Callable[[str, int], None],
    ) -> tuple[RemovalScores, dict[str, Any]]:
        """Score the model without a path, and it without each of `layers` of those left."""
        start_peak_memory(self.device)
        start = time.monotonic()
        with self._without(path), torch.inference_mode():
            found = score_removals(
                self.loaded,
                items,
                layers,
                budget=self.args.budget,
                outputs=outputs,
                shared_tokens=self._shares_tokens(items),
                advance=lambda count: advance(items.name, count),
            )
        return found, {
            "seconds": time.monotonic() - start,
            "peak_memory_bytes": peak_memory_bytes(self.device),
        }

    def _without(self, path: Path) -> Any:
        return removed(self.loaded, path) if path else contextlib.nullcontext()

    def _shares_tokens(self, items: ItemSet) -> bool:
        return self.model.shares(pack(items.requests))

    def _removals(
        self,
        items: ItemSet,
        path: Path,
        group: str,
        made: dict[str, Any],
        advance: Callable[[str, int], None],
    ) -> list[dict[str, Any]]:
        names = left(path, self.n_layers)
        found, measured = self._scored(items, path, range(len(names)), group == "outputs", advance)
        wanted = [c for c in criteria.CRITERIA if c in criteria.BY_REMOVAL]
        if group == "answers":
            wanted = [c for c in wanted if c not in criteria.BY_OUTPUT]
        accuracy = found.accuracy.tolist()
        rows = []
        for criterion in wanted:
            if criterion == "accuracy" and not accuracy[0] > items.chance:
                # Undefined; kept as such, for the other criteria are not.
                relevance = Relevance((None,) * len(names), (None,) * len(names))  # type: ignore[arg-type]
            else:
                relevance = criteria.from_removals(criterion, found, items)
            for place, layer in enumerate(names):
                rows.append(
                    {
                        **made,
                        **measured,
                        "step": len(path),
                        "criterion": criterion,
                        "layer": layer,
                        "relevance": relevance.values[place],
                        "tie": relevance.ties[place],
                        "score": 100.0 * accuracy[0],
                        "score_without": 100.0 * accuracy[1 + place],
                        "chance": 100.0 * items.chance,
                        "n_scored": len(items.items),
                    }
                )
        return rows

    def _gradients_or_cosines(
        self,
        calibration: Calibration,
        criterion: str,
        path: Path,
        made: dict[str, Any],
        advance: Callable[[str, int], None],
    ) -> list[dict[str, Any]]:
        items = calibration.items
        start_peak_memory(self.device)
        start = time.monotonic()

        def count(number: int) -> None:
            advance(items.name, number)

        with self._without(path):
            if criterion == "cosine":
                found = criteria.cosine(self.loaded, self._instances(calibration), count)
            else:
                length = models.longest(self.config, self.args.max_length)
                found = criteria.taylor(self.loaded, items, length, count)
        measured = {
            "seconds": time.monotonic() - start,
            "peak_memory_bytes": peak_memory_bytes(self.device),
        }
        return [
            {
                **made,
                **measured,
                "step": len(path),
                "criterion": criterion,
                "layer": layer,
                "relevance": value,
                "tie": tie,
                "score": None,
                "score_without": None,
                "chance": 100.0 * items.chance,
                "n_scored": len(items.items),
            }
            for layer, value, tie in zip(
                left(path, self.n_layers), found.values, found.ties, strict=True
            )
        ]

    def _raced(
        self,
        calibration: Calibration,
        path: Path,
        made: dict[str, Any],
        advance: Callable[[str, int], None],
    ) -> list[dict[str, Any]]:
        """Find the least relevant layer by racing; the others' accuracies are rougher."""
        items, names = calibration.items, left(path, self.n_layers)
        whole, total = [], {"seconds": 0.0, "peak_memory_bytes": 0}

        def score(layers: Sequence[int], chosen: Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
            part = items.part(chosen)
            found, measured = self._scored(part, path, layers, False, advance)
            whole.extend(found.score[0].tolist())
            total["seconds"] += measured["seconds"]
            total["peak_memory_bytes"] = measured["peak_memory_bytes"]
            return found.score[1:], found.log_likelihood[1:] / found.n_tokens

        raced = race(
            range(len(names)),
            len(items.items),
            score,
            error_rate=calibration.error_rate or 0.0,
            seed=self.args.seed,
        )
        full = float(np.mean(whole))
        values = criteria.by_accuracy(
            full, [raced.mean[place] for place in range(len(names))], items.chance, items.name
        )
        # The winner of the race comes first, whatever rougher means say.
        ties = [float(place != raced.winner) for place in range(len(names))]
        least = min(values)
        values[raced.winner] = min(values[raced.winner], least)
        return [
            {
                **made,
                **total,
                "step": len(path),
                "criterion": "accuracy",
                "layer": layer,
                "relevance": values[place],
                "tie": ties[place],
                "score": 100.0 * full,
                "score_without": 100.0 * raced.mean[place],
                "chance": 100.0 * items.chance,
                "n_scored": raced.scored[place],
            }
            for place, layer in enumerate(names)
        ]
