"""The landing zone: whole files or none, landed once, refused with a remedy when damaged."""

import contextlib
import datetime
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
    SCHEMA_BATCH,
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
        (_cut_to_nothing, "is empty, 0 bytes"),
        (_flipped, "cannot be read as Parquet"),
        (
            lambda batch: rewritten(batch, "* exclude (tokens_t)"),
            "has no column 'tokens_t', which table pretraining_compute needs (DOUBLE). Remove",
        ),
        (
            lambda batch: rewritten(batch, "* rename (tokens_t as tokens_trillions)"),
            "no column 'tokens_t', which table pretraining_compute needs (DOUBLE); most like it is "
            "the unknown column 'tokens_trillions' (DOUBLE): rename it back",
        ),
        (
            lambda batch: rewritten(
                batch, "* exclude (tokens_t, flops_1e21), 'x' as tokenz, true as family_name"
            ),
            "most like it is the unknown column 'tokenz' (VARCHAR): rename it back. It has no "
            "column 'flops_1e21', which table pretraining_compute needs (DOUBLE). Remove",
        ),
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


LEADERBOARDS = ("open_llm_leaderboard_v1", "open_llm_leaderboard_v2", "bigcodebench")


@pytest.fixture
def leaderboard(tmp_path: Path, request: pytest.FixtureRequest) -> tuple[str, Path]:
    """Return a leaderboard and a batch of it, without rows."""
    table = request.param
    prepare(tmp_path / "landing")
    path = tmp_path / "batch.parquet"
    schema = batch_path(tmp_path / "landing", table, SCHEMA_BATCH)
    duckdb.read_parquet(str(schema)).write_parquet(str(path))
    return table, path


def refusal(table: str, path: Path) -> str:
    with pytest.raises(LandingError) as error:
        check_file(table, path)
    assert str(path) in str(error.value)
    return str(error.value)


@pytest.mark.parametrize("leaderboard", LEADERBOARDS, indirect=True)
def test_every_leaderboard_column_that_is_missing_renamed_or_retyped_is_named(
    leaderboard: tuple[str, Path],
) -> None:
    table, batch = leaderboard
    check_file(table, batch)
    for name, kind in LANDING_TABLES[table].items():
        missing = refusal(table, rewritten(batch, f'* exclude ("{name}")'))
        assert f"has no column {name!r}, which table {table} needs ({kind})" in missing
        for new in (f"{name} (new)", f"normalised {name}", name.swapcase() + "_"):
            renamed = refusal(table, rewritten(batch, f'* rename ("{name}" as "{new}")'))
            assert f"{name!r}" in renamed
            assert f"the unknown column {new!r} ({kind}): rename it back" in renamed
        other = "BLOB" if kind == "VARCHAR" else "VARCHAR"
        retyped = refusal(table, rewritten(batch, f'* replace (null::{other} as "{name}")'))
        assert f"holds {other} in column {name!r}, expected {kind}. Remove" in retyped


@pytest.mark.parametrize("leaderboard", LEADERBOARDS, indirect=True)
def test_scores_as_text_are_refused_even_where_they_could_be_cast(
    leaderboard: tuple[str, Path],
) -> None:
    table, batch = leaderboard
    scores = [name for name, kind in LANDING_TABLES[table].items() if kind == "DOUBLE"]
    assert len(scores) >= 2
    for name in scores:
        said = refusal(table, rewritten(batch, f"* replace ('52.5' as \"{name}\")"))
        assert f"holds VARCHAR in column {name!r}, expected DOUBLE" in said


def test_a_batch_without_rows_passes_and_is_listed(tmp_path: Path) -> None:
    for table in LEADERBOARDS:
        columns = {name: pd.Series(dtype="object") for name in LANDING_TABLES[table]}
        assert land_frame(tmp_path, table, "empty", pd.DataFrame(columns)) is True
        check_file(table, batch_path(tmp_path, table, "empty"))
    assert [(table, path.stem) for table, path in batches(tmp_path)] == [
        (table, "empty") for table in sorted(LEADERBOARDS)
    ]


@pytest.mark.parametrize(
    ("time", "is_late"),
    [
        ("timestamptz '2026-11-22 12:00:00+00'", False),
        ("timestamptz '2026-11-23 23:59:59+00'", False),
        ("timestamptz '2026-11-24 00:00:00+00'", True),
        # Where it is not yet the 24th in Greenwich, and where it is.
        ("timestamptz '2026-11-24 08:00:00+09'", False),
        ("timestamptz '2026-11-23 23:00:00-09'", True),
        ("timestamp '2026-11-24 00:00:00'", True),
        ("date '2026-11-23'", False),
        ("timestamptz 'infinity'", True),
        ("null::timestamptz", False),
    ],
)
def test_times_from_the_future_are_refused_by_the_clock_that_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, time: str, is_late: bool
) -> None:
    batch = tmp_path / "crawl.parquet"
    query = "select 'a/b' as model_id, '{}' as payload, 'x' as source, unnest([c, d]) as crawled_at"
    old = "timestamptz '2024-01-01 00:00:00+00'"
    duckdb.sql(f"{query} from (select {old} as c, {time} as d)").write_parquet(str(batch))
    today = datetime.date(2026, 11, 22)
    if is_late:
        with pytest.raises(LandingError, match="1 rows from the future: 'crawled_at'") as refused:
            check_file("hub_models", batch, today=today)
        assert str(batch) in str(refused.value)
        assert "MODELSTRATA_TODAY" in str(refused.value)
    else:
        check_file("hub_models", batch, today=today)
    # By the setting, too.
    check_file("hub_models", batch, today=today, decode=False)
    monkeypatch.setenv("MODELSTRATA_TODAY", "2026-11-22")
    with pytest.raises(LandingError) if is_late else contextlib.nullcontext():
        check_file("hub_models", batch)


@pytest.mark.parametrize(
    ("name", "is_late"),
    [
        ("crawl-2026-11-23", False),
        ("crawl-2026-11-24", True),
        ("20261124", True),
        ("crawl-20261124T080000", True),
        ("2026-11-22-then-2031-01-01", True),
        ("2026.12", False),
        ("2031-13-01", False),
        ("snapshot-20991231abcd", False),
        ("snapshot-ab20991231cd", False),
        ("snapshot-209912310000", False),
    ],
)
def test_batches_named_after_a_day_in_the_future_are_refused(
    batch: Path, name: str, is_late: bool
) -> None:
    named = batch.rename(batch.with_name(f"{name}.parquet"))
    with pytest.raises(LandingError, match="named after") if is_late else contextlib.nullcontext():
        check_file(TABLE, named, today=datetime.date(2026, 11, 22))


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
