"""Launching layer jobs, landing what they wrote, and reading it for the page."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from modelstrata.errors import LandingError
from modelstrata.landing import batch_path, land_file
from modelstrata.scratch import scratch
from modelstrata.settings import Settings
from orchestration.layer_models import Model, working_folder


@dataclass(frozen=True)
class Analysis:
    """A program that measures layers.

    Attributes:
        program: its module.
        table: the landing table of its results.
        value: what the page shows of them.
        lands: every landing table that it fills.
    """

    program: str
    table: str
    value: str
    lands: tuple[str, ...]


#: By the name that a user gives.
ANALYSES = {
    "block_influence": Analysis(
        "gpu_jobs.block_influence", "block_influence", "block_influence", ("block_influence",)
    ),
    # It measures the influence that it chooses layers by.
    "pruning": Analysis(
        "gpu_jobs.pruning", "pruning_effects", "difference", ("block_influence", "pruning_effects")
    ),
    "layer_gradients": Analysis(
        "gpu_jobs.gradients", "layer_gradients", "nuclear_norm", ("layer_gradients",)
    ),
    "layer_relevance": Analysis(
        "gpu_jobs.relevance", "layer_relevance", "relevance", ("layer_relevance",)
    ),
    # Each step of a path is decided by a map.
    "pruning_paths": Analysis(
        "gpu_jobs.relevance", "pruning_paths", "difference", ("layer_relevance", "pruning_paths")
    ),
}


def command_line(
    settings: Settings,
    python: str,
    analysis: Analysis,
    model: Model,
    options: Sequence[str],
    device: str = "",
) -> list[str]:
    """Return the command that runs an analysis of a model, with its working folder as output."""
    command = [python, "-m", analysis.program, f"--model={model.model}", *options]
    if model.model != model.name:
        command.append(f"--model-id={model.name}")
    if device:
        command.append(f"--device={device}")
    if settings.eval_data:
        command.append(f"--eval-data={settings.eval_data}")
    return [*command, f"--output={output_of(settings, analysis, model, options)}"]


def output_of(settings: Settings, analysis: Analysis, model: Model, options: Sequence[str]) -> Path:
    """Return the folder that a program fills, or the file of the one that writes a single file."""
    folder = working_folder(settings, model.name)
    if analysis.table != "block_influence":
        return folder
    # What is asked has a file of its own; the program replaces it when code or data change.
    asked = hashlib.sha256("\n".join(options).encode()).hexdigest()[:16]
    return folder / analysis.table / f"asked-{asked}.parquet"


def land_results(settings: Settings, analysis: Analysis, model: Model) -> int:
    """Land every result in a model's working folder; return how many were not landed yet.

    The working folder keeps them, so that no run computes them again.

    Raises:
        LandingError: a result is damaged or lacks a column.
        StorageError: the landing zone cannot be written.
    """
    folder = working_folder(settings, model.name)
    added = 0
    for table in analysis.lands:
        for path in sorted((folder / table).glob("*.parquet")):
            if not batch_path(settings.landing, table, path.stem).exists():
                added += land_file(settings.landing, table, _key_of(path), path)
    return added


def read_results(
    settings: Settings, analysis: Analysis, keys: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the landed rows of results, without the time of computation.

    A program may tell the keys of several tables; those of the analysis's own are read.

    Raises:
        LandingError: a result is damaged, or there is none.
    """
    told = [batch_path(settings.landing, analysis.table, key) for key in keys]
    paths = [path for path in told if path.exists()]
    if not paths:
        raise LandingError(
            f"What was asked of {analysis.program} gave no rows of {analysis.table}: choose other "
            "options. Blocks, for example, need the criterion cosine."
        )
    return _query(paths, "select * exclude (computed_at) from found order by all")


def measured_influence(
    settings: Settings, model: Model, like: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the newest block influence on each benchmark of the weights and number type of a row.

    Raises:
        LandingError: a result is damaged.
    """
    paths = sorted((working_folder(settings, model.name) / "block_influence").glob("*.parquet"))
    newest = """
        select benchmark, layer, block_influence from found
        where weights_sha256 = $weights and dtype = $dtype
        qualify rank() over (partition by benchmark order by computed_at desc, result_key) = 1
        order by benchmark, layer
    """
    return _query(paths, newest, weights=like["weights_sha256"], dtype=like["dtype"])


def _key_of(path: Path) -> str:
    rows = _query([path], "select distinct result_key from found order by all")
    return str(rows[0]["result_key"]) if rows else path.stem


def _query(paths: Sequence[Path], query: str, **values: str) -> list[dict[str, Any]]:
    """Return what a query says of `found`, the rows of the files."""
    try:
        with scratch() as connection:
            connection.read_parquet([str(path) for path in paths], union_by_name=True).create_view(
                "found"
            )
            rows = connection.execute(query, values)
            names = [column[0] for column in rows.description]
            return [dict(zip(names, row, strict=True)) for row in rows.fetchall()]
    except duckdb.Error as error:
        raise LandingError(
            f"A result in {paths[0].parent} cannot be read ({str(error).splitlines()[0]}): remove "
            "the file, and the next run computes it again."
        ) from error
