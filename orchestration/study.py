"""The full study: from the published warehouse through the regressors to the landing zone."""

import contextlib
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ml.features import constant_sentence
from ml.names import FORWARD, INVERSE, OPEN_LLM_V1, chosen_benchmarks
from ml.plan import PARTS, Part, Task
from ml.study import code_version, result_key
from ml.validation import prepare as lay_out
from ml.workers import Done, gap_rows, gather, results
from modelstrata.errors import NotEnoughData
from modelstrata.landing import batch_path, land_frame, prepare
from modelstrata.scratch import scratch
from modelstrata.settings import Settings

#: The column by which a cell finds the hash of its rows.
_TIER = "tier"
_GAPS = "regression_gaps"


@dataclass(frozen=True)
class Landed:
    """What a partition's results say.

    Attributes:
        key: key of its batches.
        computed: False if they were landed already.
        gaps: one sentence for each cell that could not be fitted.
        constant: sentences on features that are constant or unknown over all rows.
        seconds: time that it took.
        batches: landed batch by table.
    """

    key: str
    computed: bool
    gaps: list[str]
    constant: list[str]
    seconds: float
    batches: dict[str, Path]


def study_partitions(settings: Settings) -> dict[str, list[str]]:
    """Map each benchmark of the study, and each target of the way back, to its parts.

    MODELSTRATA_STUDY_BENCHMARKS restricts it; the way back needs the whole first leaderboard.

    Raises:
        NotEnoughData: the setting names a benchmark that is none of the study's.
    """
    chosen = chosen_benchmarks(settings.study_benchmarks)
    found = {benchmark: list(FORWARD) for benchmark in chosen}
    if set(OPEN_LLM_V1) <= set(chosen):
        found |= {target: [INVERSE] for target in PARTS[INVERSE].partitions}
    return found


def read_key(warehouse: Path, part: Part, partition: str) -> tuple[dict[str, str], str]:
    """Return the hash of a partition's rows by tier, and the key that its batches are filed under.

    Raises:
        NotEnoughData: there is no published warehouse.
    """
    if not warehouse.exists():
        raise NotEnoughData(f"There is no warehouse at {warehouse}: run `make build` first.")
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        hashes = dict(
            connection.execute(
                "select tier, input_hash from intermediate.int_regression_inputs "
                "where benchmark = ?",
                [part.input_of(partition)],
            ).fetchall()
        )
    input_hashes = {tier: hashes.get(tier, "") for tier in part.tiers}
    configuration = [asdict(task) for task in part.tasks(partition)]
    return input_hashes, result_key(input_hashes, code_version(), [part.name, configuration])


def read_rows(warehouse: Path, part: Part, partition: str) -> pd.DataFrame:
    """Read the rows of structure_scores that a partition is about."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(
            "from marts.structure_scores where ? in (benchmark, leaderboard) "
            "order by benchmark, model_id",
            [part.input_of(partition)],
        ).df()


def n_tasks(name: str, partition: str) -> int:
    """Count the tasks of a part on a partition."""
    return len(PARTS[name].tasks(partition))


def open_parts(settings: Settings, parts: list[str], partition: str) -> dict[str, str]:
    """Return the keys, by part, of a partition's parts that are not landed.

    Raises:
        NotEnoughData: there is no published warehouse.
    """
    found = {}
    for name in parts:
        part = PARTS[name]
        _, key = read_key(settings.warehouse, part, partition)
        if not is_landed(_batches(settings, part, key), part.tasks(partition)):
            found[name] = key
    return found


def land_part(
    settings: Settings,
    name: str,
    partition: str,
    advance: Callable[[str], None] = lambda step: None,
    at_work: Callable[[str], Iterable[Done] | None] = lambda key: None,
) -> Landed:
    """Fit a partition of a part and land its tables, unless they are landed under the same key.

    Args:
        settings: of this process.
        name: of the part.
        partition: benchmark, or target of the way back.
        advance: called with a name after each task.
        at_work: returns the results of a key that workers are at already, or None.

    Raises:
        NotEnoughData: there is no published warehouse.
        StorageError: the landing zone cannot be written.
    """
    start = time.monotonic()
    part = PARTS[name]
    input_hashes, key = read_key(settings.warehouse, part, partition)
    frame = read_rows(settings.warehouse, part, partition)
    tasks = part.tasks(partition)
    batches = _batches(settings, part, key)
    computed = not is_landed(batches, tasks)
    if computed:
        prepare(settings.landing)
        fitted = at_work(key) or results([(frame, tasks)], settings.threads)
        tables, done = gather(fitted, advance)
        gaps = gap_rows(done, name)
        if len(gaps):
            tables[_GAPS] = gaps
        # The main table last: where it is, all of them are.
        for table in reversed(part.tables):
            if table in tables:
                rows = stamped(tables[table], key, input_hashes)
                land_frame(settings.landing, table, key, rows)
    else:
        for task in tasks:
            advance(task.cell.regressor)
    there = {table: path for table, path in batches.items() if path.exists()}
    seconds = time.monotonic() - start
    return Landed(key, computed, _reasons(batches[_GAPS]), _constant(frame, tasks), seconds, there)


def _batches(settings: Settings, part: Part, key: str) -> dict[str, Path]:
    return {table: batch_path(settings.landing, table, key) for table in part.tables}


def stamped(rows: pd.DataFrame, key: str, input_hashes: dict[str, str]) -> pd.DataFrame:
    """Say of each row how it was made: batch key, hash of its tier's rows, code, time."""
    stamp: dict[str, Any] = {
        "result_key": key,
        "input_hash": rows[_TIER].map(input_hashes),
        "code_version": code_version(),
        "computed_at": datetime.now(UTC),
    }
    return rows.assign(**stamp)


def is_landed(batches: dict[str, Path], tasks: list[Task]) -> bool:
    """Tell whether a partition is done: its main table is there, or every cell is a gap."""
    main = next(iter(batches.values()))
    return main.exists() or len(_reasons(batches[_GAPS])) == len({task.cell for task in tasks})


def _constant(frame: pd.DataFrame, tasks: list[Task]) -> list[str]:
    """Say of each feature set and tier which features cannot explain anything."""
    found = []
    cells = {(task.cell.feature_set, task.cell.tier): task.cell for task in tasks}
    for (feature_set, tier), cell in cells.items():
        # What cannot be laid out is a gap, and named there.
        with contextlib.suppress(NotEnoughData):
            if sentence := constant_sentence(lay_out(frame, replace(cell, split="random")).x):
                found.append(f"{feature_set}, {tier}: {sentence}")
    return found


def _reasons(batch: Path) -> list[str]:
    if not batch.exists():
        return []
    with scratch() as connection:
        columns = "regressor, benchmark, feature_set, split, tier, reason"
        rows = connection.read_parquet(str(batch)).select(columns).order("all").fetchall()
    return [f"{r} on {b} ({fs}, {split}, {tier}): {why}" for r, b, fs, split, tier, why in rows]
