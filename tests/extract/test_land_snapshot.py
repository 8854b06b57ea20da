"""The embedded snapshot lands whole, once, and after any kill."""

import os
import random
import re
import signal
import subprocess
import sys
from pathlib import Path

import duckdb

from extract.land_snapshot import SNAPSHOT, kept_layer_tables, land_snapshot
from modelstrata.landing import batches, check_file, file_digest
from modelstrata.settings import ROOT

ROWS = {
    "hub_models": 28_525,
    "hub_configs": 15_495,
    "open_llm_leaderboard_v1": 7_169,
    "open_llm_leaderboard_v2": 4_580,
    "bigcodebench": 404,
    "pretraining_compute": 345,
    "config_schema": 9_302,
    "parameter_terms": 2_676,
    # Whatever is kept of measured layers, as long as the provenance says how much.
    **{
        table: len(duckdb.read_parquet(str(SNAPSHOT / f"{table}.parquet")))
        for table in kept_layer_tables()
    },
}


def digests(landing: Path) -> dict[str, str]:
    """Hash what the warehouse would read."""
    return {
        str(path.relative_to(landing)): file_digest(path) for path in landing.glob("*/*.parquet")
    }


def program(data: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "extract.land_snapshot"],
        cwd=ROOT,
        env={**os.environ, "MODELSTRATA_DATA": str(data), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_rows_are_as_many_as_the_provenance_says(tmp_path: Path) -> None:
    assert all(land_snapshot(tmp_path).values())
    count = "select count(*) from read_parquet(?)"
    found = {
        table: duckdb.execute(count, [str(path)]).fetchall()[0][0]
        for table, path in batches(tmp_path)
    }
    assert found == ROWS
    provenance = (SNAPSHOT / "PROVENANCE.md").read_text(encoding="utf-8")
    stated = re.findall(r"\| `(\w+)\.parquet` \| ([\d,]+)", provenance)
    assert {table: int(rows.replace(",", "")) for table, rows in stated} == ROWS
    for table, path in batches(tmp_path):
        check_file(table, path)


def test_landing_twice_adds_nothing(tmp_path: Path) -> None:
    first = program(tmp_path)
    said, errors = first.communicate()
    assert (first.returncode, errors) == (0, "")
    assert said.count("landed") == len(ROWS)
    before = digests(tmp_path / "landing")
    second = program(tmp_path)
    said, _ = second.communicate()
    assert said.count("there already") == len(ROWS)
    assert digests(tmp_path / "landing") == before


def test_kills_at_any_moment_leave_nothing_that_matters(tmp_path: Path) -> None:
    """Kill as each of some tables is being landed, then run to the end."""
    data = tmp_path / "killed"
    killed = 0
    for table in sorted(random.sample(list(ROWS), 3), key=list(ROWS).index):
        place = data / "landing" / table
        process = program(data)
        while process.poll() is None and not any(place.glob("*snapshot-*")):
            continue
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        for path in data.glob("landing/*/*.parquet"):
            check_file(path.parent.name, path)
    assert killed >= 2
    assert program(data).wait() == 0
    land_snapshot(tmp_path / "whole")
    assert digests(data / "landing") == digests(tmp_path / "whole")
    left = [path for path in data.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert all(path.name.startswith(".") and path.suffix == ".tmp" for path in left)


def test_errors_are_one_sentence_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file, not a folder")
    process = program(tmp_path / "data")
    said, errors = process.communicate()
    assert (process.returncode, said) == (1, "")
    assert errors.startswith("error: ")
    assert "Traceback" not in errors
    assert str(tmp_path / "data") in errors


def test_the_snapshot_stays_small() -> None:
    assert sum(path.stat().st_size for path in SNAPSHOT.iterdir()) <= 4 * 2**20
