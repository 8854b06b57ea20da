"""The main job's own regressions: from the build file through the forest to the landing zone."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ml.names import OPEN_LLM_V1
from ml.plan import Task, main_job_tasks
from ml.study import code_version, result_key
from ml.workers import run_tasks
from modelstrata.errors import NotEnoughData
from modelstrata.landing import batch_path, land_frame
from modelstrata.scratch import scratch
from modelstrata.settings import Settings

TABLES = ("regression_scores", "feature_importances", "score_predictions")
_TIER = "exact"


@dataclass(frozen=True)
class Inputs:
    """What the main job fits: rows of structure_scores, their hashes by benchmark, and tasks."""

    frame: pd.DataFrame
    input_hashes: dict[str, str]
    tasks: list[Task]


@dataclass(frozen=True)
class Outcome:
    """Where the results lie.

    Attributes:
        key: key that the batches are named by.
        batches: batch file by landing table.
        computed: False if the results were there already.
        missing: one sentence for each cell that could not be fitted.
    """

    key: str
    batches: dict[str, Path]
    computed: bool
    missing: list[str]


def study_inputs(warehouse: Path) -> Inputs:
    """Read the first leaderboard's scores (tier `exact`) of a warehouse file, and their hashes."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        frame = connection.execute(
            "from marts.structure_scores where structure_tier = 'exact' "
            "and benchmark in (select unnest(?)) order by benchmark, model_id",
            [OPEN_LLM_V1],
        ).df()
        hashes = connection.execute(
            "select benchmark, input_hash from intermediate.int_regression_inputs "
            "where tier = ? and benchmark in (select unnest(?))",
            [_TIER, OPEN_LLM_V1],
        ).fetchall()
    return Inputs(frame, dict(hashes), main_job_tasks())


def land_study(
    settings: Settings, inputs: Inputs, advance: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Fit the cells and land their three tables, unless they are landed under the same key.

    Raises:
        NotEnoughData: no cell could be fitted.
        StorageError: the landing zone cannot be written.
    """
    version = code_version()
    configuration = [asdict(task) for task in inputs.tasks]
    key = result_key(inputs.input_hashes, version, configuration)
    paths = {table: batch_path(settings.landing, table, key) for table in TABLES}
    if all(path.exists() for path in paths.values()):
        for task in inputs.tasks:
            advance(task.cell.subject)
        return Outcome(key, paths, computed=False, missing=[])
    tables, done = run_tasks(inputs.frame, inputs.tasks, settings.threads, advance)
    missing = [
        f"{one.task.cell.regressor} on {one.task.cell.subject} ({one.task.cell.split}): "
        f"{one.reason}"
        for one in done
        if one.reason
    ]
    if not tables:
        raise NotEnoughData(" ".join(missing))
    stamp: dict[str, Any] = {
        "result_key": key,
        "code_version": version,
        "computed_at": datetime.now(UTC),
    }
    for table, rows in tables.items():
        hashes = rows["benchmark"].map(inputs.input_hashes)
        land_frame(settings.landing, table, key, rows.assign(**stamp, input_hash=hashes))
    return Outcome(key, paths, computed=True, missing=missing)


def study_scores(batch: Path) -> list[tuple[str, str, float]]:
    """List (benchmark, split, R²) of a landed batch of regression scores."""
    with scratch() as connection:
        scores = connection.read_parquet(str(batch)).select("benchmark, split, r2")
        return scores.order("all").fetchall()
