"""Running jobs as a user does, and comparing what they wrote."""

import contextlib
import io
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import duckdb
import pytest
from filelock import FileLock

from extract.land_snapshot import kept_layer_tables
from modelstrata.landing_schema import LAYER_TABLES
from orchestration.run import main

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent


def unmeasured() -> set[str]:
    """Return the marts of layer jobs that are empty: the snapshot holds no results for them."""
    missing = set(LAYER_TABLES) - set(kept_layer_tables())
    read = {"pruning_effects": "pruning_comparisons", "layer_relevance": "relevance_agreement"}
    return missing | {mart for table, mart in read.items() if table in missing}


def environment(data: Path, **extra: str) -> dict[str, str]:
    """Return a clean environment for a child that works in `data`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MODELSTRATA_", "DAGSTER_"))}
    return {**kept, "MODELSTRATA_DATA": str(data), "COLUMNS": "120", **extra}


def run_job(data: Path, job: str = "build", **extra: str) -> subprocess.CompletedProcess[str]:
    """Run a job as `make` does."""
    return subprocess.run(
        [sys.executable, "-m", "orchestration.run", job],
        cwd=ROOT,
        env=environment(data, **extra),
        capture_output=True,
        text=True,
        check=False,
    )


def materialize(data: Path, selection: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """Build the assets that a selection picks, as the Dagster page does."""
    command = ["asset", "materialize", "-m", "orchestration.definitions", "--select", selection]
    return subprocess.run(
        [str(BIN / "dagster"), *command],
        cwd=ROOT,
        env=environment(data, DAGSTER_HOME=str(data / "dagster"), **extra),
        capture_output=True,
        text=True,
        check=False,
    )


def run_job_here(data: Path, job: str = "build", **extra: str) -> subprocess.CompletedProcess[str]:
    """Run the same program in this process, which spares the imports where little is done."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, environment(data, **extra), clear=True),
        patch.object(sys, "argv", ["run", job]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = main()
    return subprocess.CompletedProcess([job], code, out.getvalue(), err.getvalue())


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a folder that the first worker to ask for it makes, for all of them."""
    root = factory.getbasetemp()
    root = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    folder, done = root / name, root / f"{name}.done"
    with FileLock(root / f"{name}.lock"):
        if not done.exists():
            make(folder)
            done.touch()
    return folder


def ask_history(data: Path, code: str) -> str:
    """Return what code prints that asks the data folder's Dagster `instance`, as `dg` imported."""
    block = textwrap.indent(textwrap.dedent(code), "    ")
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import dagster as dg\nwith dg.DagsterInstance.get() as instance:\n{block}",
        ],
        env=environment(data, DAGSTER_HOME=str(data / "dagster")),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


def written(folder: Path) -> dict[Path, int]:
    """Return the finished files below a folder, with the times when they were written."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.rglob("*.parquet"))}


def contents(warehouse: Path) -> dict[str, str]:
    """Hash every table's rows, whatever their order."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name, table_name from duckdb_tables() order by all"
        ).fetchall()
        return {
            f"{schema}.{table}": str(
                connection.execute(
                    f'select count(*), sum(hash(t)::hugeint) from "{schema}"."{table}" as t'
                ).fetchone()
            )
            for schema, table in tables
        }
