"""Warehouses that dbt builds by itself: a subprocess on target `dev`."""

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.land_snapshot import SNAPSHOT
from modelstrata.landing import land_file, prepare
from modelstrata.settings import DBT_PROJECT
from orchestration.dbt_cli import DBT
from tests.builds import made_once
from tests.dbt_project import mutants, odd_zone

#: Builds and tests, as the main job does, everything that needs no results.
BUILD = ("build", "--exclude", "tag:results+", "--exclude-resource-type", "unit_test")
#: The tables alone, for tests that look at them themselves: half the time.
TABLES = (*BUILD, "test")


def run_dbt(
    data: Path, target_path: Path, arguments: Sequence[str] = BUILD, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run dbt on `data`/dev/warehouse.duckdb, or on another `target` than `dev`."""
    process = start_dbt(data, target_path, ("--quiet", *arguments), **environment)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start_dbt(
    data: Path,
    target_path: Path,
    arguments: Sequence[str] = BUILD,
    target: str = "dev",
    **environment: str,
) -> subprocess.Popen[str]:
    """Start dbt on `data`/dev/warehouse.duckdb, or on another target."""
    (data / "dev").mkdir(exist_ok=True)
    command = [str(DBT), "--no-use-colors", "--log-level-file", "none", *arguments]
    command += ["--target", target, "--target-path", str(target_path)]
    command += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    variables = {**os.environ, "TZ": "UTC", **environment, "MODELSTRATA_DATA": str(data)}
    return subprocess.Popen(
        command,
        cwd=DBT_PROJECT,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def land_schema(landing: Path) -> None:
    """Land what transformers knows of configs, as the snapshot does."""
    for table in ("config_schema", "parameter_terms"):
        land_file(landing, table, "schema", SNAPSHOT / f"{table}.parquet")


class Warehouse:
    """A built warehouse, open for reading."""

    def __init__(self, data: Path, file: str = "dev/warehouse.duckdb") -> None:
        self.data = data
        self.connection = duckdb.connect(str(data / file), read_only=True)

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        return self.connection.execute(query, list(parameters)).fetchall()

    def one(self, query: str, *parameters: object) -> tuple[Any, ...]:
        (row,) = self.rows(query, *parameters)
        return row

    def reasons(self, model: str, rejected_from: str) -> list[tuple[str, str]]:
        """Return (field, reason) of what was set aside, sorted."""
        query = "select field, reason from marts.rejected_records where model_id = ? "
        return self.rows(query + "and rejected_from = ? order by all", model, rejected_from)


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Warehouse]:
    """Build a data folder; all of them through one link, so that one parse serves every build."""
    root = tmp_path_factory.mktemp("dbt")

    def run(data: Path, arguments: Sequence[str] = BUILD, **environment: str) -> Warehouse:
        link = root / "current"
        link.unlink(missing_ok=True)
        link.symlink_to(data, target_is_directory=True)
        done = run_dbt(link, root / "target", arguments, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return Warehouse(data)

    return run


@pytest.fixture(scope="session")
def odd(build: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Return the warehouse of the hand-made zone, built far from Greenwich."""

    def make(data: Path) -> None:
        prepare(data / "landing")
        land_schema(data / "landing")
        odd_zone.fill(data / "landing")
        build(data, TZ="Asia/Tokyo").connection.close()

    return Warehouse(made_once(tmp_path_factory, "odd", make))


@pytest.fixture(scope="session")
def mutated(build: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Return the warehouse of ten thousand mutated configs."""

    def make(data: Path) -> None:
        prepare(data / "landing")
        land_schema(data / "landing")
        mutants.fill(data / "landing")
        build(data).connection.close()

    return Warehouse(made_once(tmp_path_factory, "mutated", make))


@pytest.fixture(scope="session")
def snapshot(built: Path) -> Warehouse:
    """Return the warehouse of the embedded snapshot, as the main job published it."""
    return Warehouse(built, "warehouse.duckdb")
