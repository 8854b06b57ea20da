"""One built data folder, shared by the tests (and by the workers of a parallel run)."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


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


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with a finished build; its output is in `build.out`, `build.seconds`."""
    root = tmp_path_factory.getbasetemp()
    shared = root.parent if "PYTEST_XDIST_WORKER" in os.environ else root
    data = shared / "built"
    with FileLock(shared / "built.lock"):
        if not (data / "build.out").exists():
            start = time.monotonic()
            run = run_job(data)
            assert run.returncode == 0, run.stderr
            (data / "build.seconds").write_text(str(time.monotonic() - start))
            (data / "build.out").write_text(run.stdout + run.stderr)
    return data


@pytest.fixture
def copy_of_built(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the built data folder that a test may spoil."""
    data = tmp_path / "data"
    shutil.copytree(built, data)
    return data


@pytest.fixture
def stays_as_it_was() -> Callable[[Path], Callable[[], None]]:
    """Return a function that remembers a file and gives a check that it has not changed."""

    def remember(path: Path) -> Callable[[], None]:
        before = (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size)

        def check() -> None:
            assert (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size) == before

        return check

    return remember
