"""The landing zone: whole files or none, landed once, refused with a remedy when damaged."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from modelstrata.errors import LandingError, StorageError
from modelstrata.landing import (
    batch_path,
    batches,
    check_file,
    file_digest,
    land_file,
    land_frame,
    prepare,
    write_atomically,
)
from modelstrata.landing_schema import LANDING_TABLES

TABLE = "pretraining_compute"
FRAME = pd.DataFrame(
    {
        "model_id": [f"owner/model-{number}" for number in range(500)],
        "family": None,
        "params_b": 7,
        "tokens_t": 2.0,
        "flops_1e21": 84.0,
        "source": "by hand",
    }
)


@pytest.fixture
def batch(tmp_path: Path) -> Path:
    """Return a good batch."""
    land_frame(tmp_path / "landing", TABLE, "good", FRAME)
    return batch_path(tmp_path / "landing", TABLE, "good")


def files(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (file_digest(path), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def rewritten(batch: Path, projection: str) -> Path:
    target = batch.with_name("other.parquet")
    duckdb.sql(f"select {projection} from '{batch}'").write_parquet(str(target))
    return target


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")

    def write(path: Path) -> None:
        path.write_text("half")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        write_atomically(target, write)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert target.read_text() == "old"


def test_a_killed_write_shows_readers_no_part_of_it(tmp_path: Path) -> None:
    """The writer says when half is written; a reader looks then, and again after the kill."""
    code = """
import sys
from pathlib import Path
from modelstrata.landing import write_atomically

def write(path):
    with path.open("w") as file:
        file.write("half" * 100_000)
        file.flush()
        print("half", flush=True)
        sys.stdin.read()

write_atomically(Path(sys.argv[1]), write)
"""
    target = tmp_path / "table" / "batch.parquet"
    with subprocess.Popen(
        [sys.executable, "-c", code, target], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half\n"
        assert not target.exists()
        os.kill(writer.pid, signal.SIGKILL)
    assert list(target.parent.glob("*.parquet")) == []
    write_atomically(target, lambda path: path.write_text("whole"))
    assert target.read_text() == "whole"


def test_landing_again_adds_and_changes_nothing(tmp_path: Path, batch: Path) -> None:
    landing = tmp_path / "landing"
    prepare(landing)
    assert land_file(landing, TABLE, "copy", batch) is True
    before = files(landing)
    prepare(landing)
    assert land_frame(landing, TABLE, "good", FRAME.head(1)) is False
    assert land_file(landing, TABLE, "copy", batch) is False
    assert files(landing) == before
    assert [(table, path.stem) for table, path in batches(landing)] == [
        (TABLE, "copy"),
        (TABLE, "good"),
    ]


def test_frames_are_cast_by_name_to_the_types_of_the_table(tmp_path: Path) -> None:
    shuffled = FRAME[FRAME.columns[::-1]].assign(extra=1)
    land_frame(tmp_path, TABLE, "cast", shuffled)
    found = duckdb.sql(f"from '{batch_path(tmp_path, TABLE, 'cast')}'")
    kinds = dict(zip(found.columns, map(str, found.types), strict=True))
    assert kinds == LANDING_TABLES[TABLE]


@pytest.mark.parametrize("table", LANDING_TABLES)
def test_schema_files_hold_every_column_and_pass_the_check(tmp_path: Path, table: str) -> None:
    prepare(tmp_path)
    (path,) = (tmp_path / table).iterdir()
    check_file(table, path)
    assert set(duckdb.sql(f"from '{path}'").columns) >= set(LANDING_TABLES[table])
    assert batches(tmp_path) == []


def _truncated(batch: Path) -> Path:
    batch.write_bytes(batch.read_bytes()[:-100])
    return batch


def _cut_to_nothing(batch: Path) -> Path:
    batch.write_bytes(b"")
    return batch


def _flipped(batch: Path) -> Path:
    content = bytearray(batch.read_bytes())
    # Past the magic number and the first page's header lies compressed data.
    for position in range(60, 90):
        content[position] ^= 0xFF
    batch.write_bytes(content)
    return batch


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_truncated, "cannot be read as Parquet"),
        (_cut_to_nothing, "cannot be read as Parquet"),
        (_flipped, "cannot be read as Parquet"),
        (lambda batch: rewritten(batch, "* exclude (tokens_t)"), "no column 'tokens_t'"),
        (
            lambda batch: rewritten(batch, "* replace ('two' as tokens_t)"),
            "VARCHAR in column 'tokens_t', expected DOUBLE",
        ),
        (
            lambda batch: rewritten(batch, "*, 1 as fetched_at"),
            "INTEGER in column 'fetched_at', expected TIMESTAMP WITH TIME ZONE",
        ),
    ],
)
def test_damaged_files_are_refused_with_name_reason_and_remedy(
    tmp_path: Path, batch: Path, damage: Callable[[Path], Path], says: str
) -> None:
    damaged = damage(batch)
    with pytest.raises(LandingError) as refusal:
        check_file(TABLE, damaged)
    message = str(refusal.value)
    assert str(damaged) in message
    assert says in message
    assert f"Remove {damaged} or land the batch again" in message
    assert "\n" not in message
    with pytest.raises(LandingError):
        land_file(tmp_path / "other", TABLE, "copy", damaged)
    assert batches(tmp_path / "other") == []


def test_good_files_pass_with_unknown_and_narrower_columns(batch: Path) -> None:
    check_file(TABLE, batch)
    check_file(TABLE, rewritten(batch, "*, 'x' as unknown"))
    check_file(TABLE, rewritten(batch, "* replace (2::integer as tokens_t)"))


@pytest.mark.parametrize("name", ["../up", "a/b", "", ".hidden", "a b", "a'b", "x" * 200])
def test_batch_names_cannot_leave_the_table(tmp_path: Path, name: str) -> None:
    with pytest.raises(LandingError, match="is no batch name"):
        land_frame(tmp_path, TABLE, name, FRAME)
    with pytest.raises(LandingError, match="is no landing table"):
        batch_path(tmp_path, name, "batch")


def test_frames_without_a_column_name_it(tmp_path: Path) -> None:
    with pytest.raises(LandingError, match=r"lacks the columns tokens_t, source\."):
        land_frame(tmp_path, TABLE, "short", FRAME.drop(columns=["source", "tokens_t"]))


def _write_to_full_disk(path: Path) -> None:
    Path("/dev/full").write_text("x")


def _let_duckdb_write_to_full_disk(path: Path) -> None:
    path.symlink_to("/dev/full")
    duckdb.sql("from range(100000)").write_parquet(str(path))


@pytest.mark.parametrize("write", [_write_to_full_disk, _let_duckdb_write_to_full_disk])
def test_a_full_disk_is_named_with_a_remedy(tmp_path: Path, write: Callable[[Path], None]) -> None:
    with pytest.raises(StorageError, match=r"No space is left .* free some") as failure:
        write_atomically(tmp_path / "file", write)
    assert "MODELSTRATA_DATA" in str(failure.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.EPERM, errno.EDQUOT])
def test_a_disk_that_refuses_the_rename_is_named_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise OSError(number, os.strerror(number), str(source))

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(StorageError, match="MODELSTRATA_DATA"):
        write_atomically(tmp_path / "file", lambda path: path.write_text("x"))
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_data_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageError, match="data"):
        prepare(tmp_path / "data" / "landing")
