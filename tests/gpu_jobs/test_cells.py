"""Finished cells: computed once, by one job, whole or not there, under a key that tells all."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gpu_jobs import results
from gpu_jobs.cells import CellStore
from gpu_jobs.errors import OutputError
from gpu_jobs.sources import Source

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = {
    "layer": "INTEGER",
    "value": "DOUBLE",
    "text": "VARCHAR",
    "at": "TIMESTAMP WITH TIME ZONE",
}
ROWS: list[dict[str, Any]] = [
    {"layer": 0, "value": 0.1, "text": "21 22", "at": datetime(2026, 1, 2, 3, tzinfo=UTC)},
    {"layer": 1, "value": None, "text": "", "at": datetime(2026, 1, 2, 4, tzinfo=UTC)},
]

#: Waits for two others like it, then computes every cell that no other job holds, and notes it.
_JOB = """
import os, sys, time
from pathlib import Path
from gpu_jobs.cells import CellStore
store, log = CellStore(Path(sys.argv[1])), Path(sys.argv[2])
keys = [f"key{number}" for number in range(6)]
(log.parent / f"{os.getpid()}.ready").touch()
while len(list(log.parent.glob("*.ready"))) < 3:
    time.sleep(0.01)
while not all(store.is_done("table", key) for key in keys):
    for key in keys:
        with store.claim(key) as mine:
            if mine and not store.is_done("table", key):
                with log.open("a") as file:
                    file.write(f"{key}\\n")
                time.sleep(0.05)
                store.write("table", key, [{"layer": 1}], {"layer": "INTEGER"})
"""
#: Claims a cell, writes half of its file, says so, and never ends.
_STUCK = """
import sys, time
from pathlib import Path
from gpu_jobs import cells
from gpu_jobs.cells import CellStore

def half(table, path):
    Path(path).write_bytes(b"PAR1 and no more")
    print("half", flush=True)
    time.sleep(600)

cells.pq.write_table = half
store = CellStore(Path(sys.argv[1]))
with store.claim("key"):
    store.write("table", "key", [{"layer": 1}], {"layer": "INTEGER"})
"""
#: Reads a cell's file and ends at once.
_READER = """
import sys
from pathlib import Path
from gpu_jobs.cells import read_table
read_table(Path(sys.argv[1]))
"""


def job(program: str, *arguments: Path) -> subprocess.Popen[str]:
    """Start a program in a process of its own."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_program_that_ends_right_after_it_has_read_ends_well(tmp_path: Path) -> None:
    columns = {f"c{n}": "INTEGER" for n in range(40)}
    rows = [dict.fromkeys(columns, n) for n in range(3)]
    path = CellStore(tmp_path).write("table", "key", rows, columns)
    # Threads that outlived Python made two runs of five abort.
    for _ in range(8):
        reader = job(_READER, path)
        reader.communicate()
        assert reader.returncode == 0


def test_what_is_written_is_read(tmp_path: Path) -> None:
    store = CellStore(tmp_path / "new" / "cells")
    assert not store.is_done("table", "key")
    path = store.write("table", "key", [{**row, "more": 1} for row in ROWS], COLUMNS)
    assert (
        path == store.path("table", "key") == tmp_path / "new" / "cells" / "table" / "key.parquet"
    )
    assert store.is_done("table", "key")
    assert not store.is_done("other", "key")
    assert store.read("table", "key") == ROWS
    assert [found.name for found in path.parent.iterdir()] == ["key.parquet"]


def test_what_is_no_result_is_not_written(tmp_path: Path) -> None:
    store = CellStore(tmp_path)
    lacking = [ROWS[0], {"layer": 1}]
    for rows, words in (
        ([], "no rows"),
        (lacking, "lacks at"),
        ([{**ROWS[0], "layer": "x"}], "not written"),
    ):
        with pytest.raises(OutputError, match=words):
            store.write("table", "key", rows, COLUMNS)
    assert list(tmp_path.rglob("*.*")) == []
    for name in ("../key", "", ".key", "a/b"):
        with pytest.raises(OutputError, match="no name of a cell"):
            store.path("table", name)
    with pytest.raises(OutputError, match="remove it"):
        store.read("table", "key")


def test_jobs_that_run_together_compute_each_cell_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    jobs = [job(_JOB, tmp_path / "cells", log) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda one: one.wait(240), jobs)) == [0, 0, 0]
    assert sorted(log.read_text().split()) == [f"key{number}" for number in range(6)]


def test_a_killed_job_leaves_no_half_file_and_no_claim(tmp_path: Path) -> None:
    store = CellStore(tmp_path)
    stuck = job(_STUCK, tmp_path)
    try:
        assert stuck.stdout is not None
        assert stuck.stdout.readline() == "half\n"
        with store.claim("key") as mine:
            assert not mine
        with store.claim("another") as mine:
            assert mine
        assert len(list((tmp_path / "table").iterdir())) == 1
    finally:
        os.kill(stuck.pid, signal.SIGKILL)
        stuck.wait()
    assert not store.is_done("table", "key")
    deadline = time.monotonic() + 10
    while True:
        with store.claim("key") as mine:
            if mine:
                assert list((tmp_path / "table").iterdir()) == []
                store.write("table", "key", ROWS, COLUMNS)
                break
        assert time.monotonic() < deadline
    assert store.read("table", "key") == ROWS


def test_the_key_covers_what_decides_a_result(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"weights")
    source = Source("a/b", "r1", tmp_path, (weights,), "safetensors")
    chosen = {"benchmark": "piqa", "dtype": "float32", "device": "cpu", "num_fewshot": 0}
    known = results.provenance(source, chosen, "d1", ["layers.py"])
    assert known == results.provenance(source, dict(reversed(chosen.items())), "d1", ["layers.py"])
    assert known["model_id"] == "a/b"
    assert len({*known} & {*chosen, "torch_version", "transformers_version", "input_hash"}) == 7

    # Another time of change makes it another file, whose content counts.
    keys = {known["result_key"]}
    keys.add(results.provenance(source, chosen, "d2", ["layers.py"])["result_key"])
    keys.add(results.provenance(source, chosen, "d1", ["models.py"])["result_key"])
    for name, value in (("benchmark", "boolq"), ("dtype", "bfloat16"), ("device", "cuda")):
        other = {**chosen, name: value}
        keys.add(results.provenance(source, other, "d1", ["layers.py"])["result_key"])
    for changed in (
        Source("a/c", "r1", tmp_path, (weights,), "safetensors"),
        Source("a/b", "r2", tmp_path, (weights,), "safetensors"),
        Source("a/b", "r1", tmp_path, (weights,), "gguf:Q4_1"),
    ):
        keys.add(results.provenance(changed, chosen, "d1", ["layers.py"])["result_key"])
    weights.write_bytes(b"others")
    os.utime(weights, (1, 1))
    keys.add(results.provenance(source, chosen, "d1", ["layers.py"])["result_key"])
    assert len(keys) == 10
