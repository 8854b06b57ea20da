"""A relevance study: maps of relevance, paths of removals and scores, each filed when finished."""

import math
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np

from gpu_jobs import criteria, models
from gpu_jobs.calibration import COMPUTING, Calibration
from gpu_jobs.criteria import Relevance
from gpu_jobs.engine import Engine
from gpu_jobs.evaluation_job import EvaluationJob
from gpu_jobs.items import ItemSet
from gpu_jobs.partial_maps import lazy_rows, merged, ranges
from gpu_jobs.paths import Path, left
from gpu_jobs.relevance_maps import Maps
from gpu_jobs.relevance_rows import ITEM_SCORES, LAYER_RELEVANCE, REMOVAL_ITEMS
from gpu_jobs.relevance_sets import Sets
from gpu_jobs.worklist import Cell

#: Said of each cell by itself.
_WHEN = ("computed_at",)


class Study(EvaluationJob):
    """One model and a folder of relevance maps and scores."""

    table = "layer_relevance"

    @cached_property
    def sets(self) -> Sets:
        """The items that the command line asks for."""
        return Sets(self.args, self.model, self.config, self.say)

    @cached_property
    def engine(self) -> Engine:
        """What the model is able to do, and within what limits."""
        args = self.args
        return Engine(
            self.model,
            self.n_layers,
            tokens=args.budget,
            memory=args.memory,
            unit=args.unit,
            say=self.say,
        )

    def calibrations(self) -> list[Calibration]:
        """Return what relevance is measured on, one after the other."""
        rate = self.args.racing
        return [
            Calibration(found, not self.args.single, "racing" if rate else "exact", rate)
            for found in self.sets.calibrations()
        ]

    def rows(
        self, calibration: Calibration, criterion: str, path: Path = ()
    ) -> list[dict[str, Any]]:
        """Return rows of `LAYER_RELEVANCE` without the layers of a path, measured already."""
        rows = self.read(self.table, self._map(calibration, criterion, path).made)
        return [row for row in rows if row["criterion"] == criterion]

    def relevance(
        self, calibration: Calibration, criterion: str, path: Path, lazy: bool = False
    ) -> Relevance:
        """Return the relevance of the layers that are left when some are removed.

        Args:
            calibration: what it is measured on.
            criterion: of relevance.
            path: the removed layers, in order.
            lazy: measure again only what could be the least relevant layer, see `lazy`.

        Raises:
            TaskError: the model is not above chance, so that accuracy is undefined.
        """
        cell = self._map(calibration, criterion, path, lazy)
        if not lazy and not self.store.is_done(cell.table, cell.key):
            self._work_off_parts(calibration, criterion, path)
        label = f"relevance by {criterion} on {calibration.items.name}, {len(path)} removed"
        kept = cell.table == "removal_items"
        self.work_off(label, [cell], REMOVAL_ITEMS if kept else LAYER_RELEVANCE)
        rows = [row for row in self.read(self.table, cell.made) if row["criterion"] == criterion]
        rows.sort(key=lambda row: row["layer"])
        if rows[0]["relevance"] is None:
            # Says with its numbers why the measure is undefined.
            items, score = calibration.items, rows[0]["score"] / 100
            criteria.by_accuracy(score, [], items.chance, items.name)
        # In a race only those that were never behind can win, lazily those measured again.
        most = max(row["n_scored"] for row in rows)
        values = (row["relevance"] if row["n_scored"] == most else math.inf for row in rows)
        return Relevance(tuple(values), tuple(row["tie"] for row in rows))

    def scores(self, items: ItemSet, path: Path) -> list[dict[str, Any]]:
        """Return rows of `ITEM_SCORES`: what the model without some layers scores on items."""
        made = self._made("item_scores", items, path, {})

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            rows = self._maps(items, path).item_scores(lambda count: advance(items.name, count))
            return [{**made, **row} for row in rows]

        cell = Cell("item_scores", made, lambda: len(items.requests), compute)
        label = f"{items.name} ({items.split}) without {len(path)} layers"
        self.work_off(label, [cell], ITEM_SCORES)
        return self.read("item_scores", made)

    def distances(self, calibration: Calibration) -> np.ndarray:
        """Return how much each block of adjacent layers of the whole model turns its input."""
        return criteria.block_distances(
            self.loaded, self._instances(calibration), lambda number: None
        )

    def _instances(self, calibration: Calibration) -> list[np.ndarray]:
        length = models.longest(self.config, self.args.max_length)
        return criteria.instances(calibration.items, calibration.packed, length)

    def is_lazy(self, criterion: str, kind: str) -> bool:
        """Tell whether relevance is measured lazily along a path."""
        return self.args.lazy and kind == "iterative" and criterion in criteria.BY_REMOVAL

    def _parts(
        self, calibration: Calibration, criterion: str, path: Path
    ) -> list[tuple[list[int], dict[str, Any]]]:
        """Return the ranges of layers that a map is measured in, and how each is made."""
        chosen = self._chosen(calibration, criterion, path)
        if self.args.parts == 1 or chosen["group"] not in ("answers", "outputs"):
            return []
        return [
            (
                some,
                self._made(
                    "layer_relevance_parts",
                    calibration.items,
                    path,
                    {**chosen, "among": " ".join(map(str, some))},
                ),
            )
            for some in ranges(left(path, self.n_layers), self.args.parts)
        ]

    def _work_off_parts(self, calibration: Calibration, criterion: str, path: Path) -> None:
        """Measure the parts of a map, side by side with other jobs on the same folder."""
        items = calibration.items

        def cell(among: list[int], made: dict[str, Any]) -> Cell:
            def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
                rows = self._maps(items, path).by_removal(
                    made["group"] == "outputs",
                    lambda count: advance(items.name, count),
                    among=among,
                )
                return [{**made, **row} for row in rows]

            return Cell("layer_relevance_parts", made, lambda: len(items.requests), compute)

        cells = [cell(*part) for part in self._parts(calibration, criterion, path)]
        if cells:
            label = f"parts of a map on {items.name}, {len(path)} removed"
            self.work_off(label, cells, LAYER_RELEVANCE)

    def _chosen(self, calibration: Calibration, criterion: str, path: Path) -> dict[str, Any]:
        """Return what decides a map beside model, items and removed layers."""
        racing = calibration.races(criterion)
        # Of the whole model one pass gives all that is asked for. Later paths part, and comparing
        # outputs costs a pass over the vocabulary, so it is apart; so are the outcomes of items.
        asked = {criterion} if path or self.args.keep_items else set(self.args.criteria)
        group = (
            criterion
            if criterion not in criteria.BY_REMOVAL or racing
            else "outputs"
            if criteria.BY_OUTPUT & asked
            else "answers"
        )
        return {
            "group": group,
            "packed": calibration.packed if criterion == "cosine" else None,
            "method": "racing" if racing else "exact",
            "error_rate": calibration.error_rate if racing else None,
            "race_seed": self.args.seed if racing else None,
        }

    def _map(
        self, calibration: Calibration, criterion: str, path: Path, lazy: bool = False
    ) -> Cell:
        """Return the cell of a map; criteria that come from the same pass share one."""
        items = calibration.items
        chosen = self._chosen(calibration, criterion, path)
        # What is stale depends on the order of removals; the whole model has nothing stale.
        lazy = lazy and bool(path)
        if lazy:
            how = {"group": criterion, "method": "lazy", "order": " ".join(map(str, path))}
            chosen = {**chosen, **how}
        group, racing = chosen["group"], chosen["method"] == "racing"
        made = self._made(self.table, items, path, chosen)
        if group == "answers" and not self.args.keep_items:
            # A pass that compared outputs too holds the same rows.
            more = self._made(self.table, items, path, {**chosen, "group": "outputs"})
            made = more if self.store.is_done(self.table, more["result_key"]) else made
        keeps = self.args.keep_items and group == "answers"

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            parts = [] if lazy else self._parts(calibration, criterion, path)
            if parts:
                measured = [name for name in LAYER_RELEVANCE if name not in {*made, *_WHEN}]
                found = [self.read(part["table"], part) for _, part in parts]
                advance(items.name, len(items.requests))
                return [{**made, **row} for row in merged(found, measured)]
            maps = self._maps(items, path)

            def count(number: int) -> None:
                advance(items.name, number)

            if lazy:
                before = self._map(calibration, criterion, path[:-1], lazy).made
                known = [r for r in self.read(self.table, before) if r["criterion"] == criterion]
                rows = lazy_rows(maps, criterion, known, count, self.say)
            elif racing:
                rows = maps.by_race(calibration.error_rate or 0.0, self.args.seed, count)
            elif criterion == "cosine":
                rows = maps.by_cosine(self._instances(calibration), count)
            elif criterion == "taylor":
                length = models.longest(self.config, self.args.max_length)
                rows = maps.by_taylor(length, count)
            else:
                outcomes: list[dict[str, Any]] = []
                rows = maps.by_removal(
                    group == "outputs", count, outcomes.extend if keeps else None
                )
                if keeps:
                    # The map comes first: the cell is finished with its second table.
                    self._file(made, rows)
                    rows = outcomes
            return [{**made, **row} for row in rows]

        def size() -> int:
            if criterion == "cosine":
                return len(self._instances(calibration))
            return len(items.items) if criterion == "taylor" else len(items.requests)

        return Cell("removal_items" if keeps else self.table, made, size, compute)

    def _file(self, made: dict[str, Any], rows: list[dict[str, Any]]) -> None:
        """Write a map, unless it is there."""
        if not self.store.is_done(self.table, made["result_key"]):
            now = datetime.now(UTC)
            stamped = [{**made, **row, "computed_at": now} for row in rows]
            self.store.write(self.table, made["result_key"], stamped, LAYER_RELEVANCE)

    def _maps(self, items: ItemSet, path: Path) -> Maps:
        return Maps(self.loaded, path, self.n_layers, items, self.engine.limits(items))

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
            "unit": self.args.unit,
            # In which order they were removed changes nothing.
            "removed_layers": " ".join(map(str, sorted(path))),
        }
        return self.made(table, {**known, **chosen}, items.sha256, COMPUTING)
