"""The way from the build file through the regressors back to the landing zone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from ml.regression import run_study
from ml.study import Cell, cells, code_version, result_key
from modelstrata.landing import batch_path, land_frame
from modelstrata.settings import Settings

TABLES = ("regression_scores", "feature_importances", "score_predictions")


@dataclass(frozen=True)
class Inputs:
    """What a study reads: rows of structure_performance, their hash, and the cells to fit."""

    frame: pd.DataFrame
    input_hash: str
    cells: list[Cell]


@dataclass(frozen=True)
class Outcome:
    """Where a study's results lie.

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
    """Read a warehouse file's structure_performance (tier `exact`) and its hash."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        frame = connection.execute(
            "from marts.structure_performance where structure_tier = 'exact' order by model_id"
        ).df()
        row = connection.execute(
            "select input_hash from intermediate.int_regression_inputs where tier = 'exact'"
        ).fetchone()
    return Inputs(frame, row[0] if row else "", cells())


def land_study(
    settings: Settings, inputs: Inputs, advance: Callable[[str], None] = lambda _: None
) -> Outcome:
    """Run the study and land its three tables, unless they are landed under the same key.

    Raises:
        NotEnoughData: no cell could be fitted.
        StorageError: the landing zone cannot be written.
    """
    version = code_version()
    key = result_key(inputs.input_hash, version, inputs.cells)
    paths = {table: batch_path(settings.landing, table, key) for table in TABLES}
    if all(path.exists() for path in paths.values()):
        for cell in inputs.cells:
            advance(f"{cell.benchmark}, {cell.split}")
        return Outcome(key, paths, computed=False, missing=[])
    tables, missing = run_study(inputs.frame, inputs.cells, settings.threads, advance)
    stamp: dict[str, Any] = {
        "result_key": key,
        "input_hash": inputs.input_hash,
        "code_version": version,
        "computed_at": datetime.now(UTC),
    }
    for table, frame in tables.items():
        land_frame(settings.landing, table, key, frame.assign(**stamp))
    return Outcome(key, paths, computed=True, missing=missing)


def study_scores(batch: Path) -> list[tuple[str, str, float]]:
    """List (benchmark, split, R²) of a landed batch of regression scores."""
    with duckdb.connect() as connection:
        scores = connection.read_parquet(str(batch)).select("benchmark, split, r2")
        return scores.order("all").fetchall()
