"""Running jobs as a user does, and comparing what they wrote."""

import os
import subprocess
import sys
from pathlib import Path

import duckdb

ROOT = Path(__file__).resolve().parents[1]
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
