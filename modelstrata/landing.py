"""The landing zone: `data/landing/<table>/<batch>.parquet`, append-only, never edited.

A batch is written under a temporary name, synced and renamed; a batch that is there already is
left as it is. Each table has a zero-row schema file, so that it can be read while it is empty.
"""

import contextlib
import datetime
import difflib
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from modelstrata.errors import LandingError, storage_errors
from modelstrata.landing_schema import ADDED_COLUMNS, LANDING_TABLES, OPTIONAL_COLUMNS, matches
from modelstrata.scratch import scratch
from modelstrata.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
#: A day in a batch's name; digits inside a hash are none.
_DATE = re.compile(r"(?<![0-9A-Za-z])(\d{4})(-?)(\d\d)\2(\d\d)(?![0-9a-f])")
_CLOCK = "If the batch is right, set the machine's clock, or MODELSTRATA_TODAY."
SCHEMA_BATCH = "0-schema"


def batch_path(landing: Path, table: str, batch: str) -> Path:
    """Return the file of a batch.

    Raises:
        LandingError: the table is not one of the landing zone's, or the batch name is unsafe.
    """
    if table not in LANDING_TABLES:
        raise LandingError(
            f"{table!r} is no landing table; there are {', '.join(sorted(LANDING_TABLES))}."
        )
    if not _BATCH.fullmatch(batch):
        raise LandingError(f"{batch!r} is no batch name: use letters, digits, '.', '_' and '-'.")
    return landing / table / f"{batch}.parquet"


def write_atomically(target: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary path beside `target`, sync the result and rename it.

    Raises:
        StorageError: the disk is full, read-only or not writable.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    with storage_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            try:
                write(temporary)
            except duckdb.IOException as error:
                raise OSError(_errno_of(str(error)), str(error), str(target.parent)) from error
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(target)
            sync_folder(target.parent)
        finally:
            temporary.unlink(missing_ok=True)


def _errno_of(message: str) -> int:
    found = (n for n in (28, 122, 13, 1, 30) if os.strerror(n).lower() in message.lower())
    return next(found, 5)


def sync_folder(folder: Path) -> None:
    """Make renames inside `folder` durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def land_frame(landing: Path, table: str, batch: str, frame: "pd.DataFrame") -> bool:
    """Land a frame as one batch; return False if the batch was there already.

    Columns are cast to the table's types by name.

    Raises:
        LandingError: a required column is missing.
    """
    target = batch_path(landing, table, batch)
    if target.exists():
        return False
    required = LANDING_TABLES[table]
    missing = [name for name in required if name not in frame.columns]
    if missing:
        raise LandingError(f"A batch for {table} lacks the columns {', '.join(missing)}.")
    casts = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in required.items())

    def write(path: Path) -> None:
        with scratch() as connection:
            connection.from_df(frame).project(casts).write_parquet(str(path))

    write_atomically(target, write)
    return True


def land_file(landing: Path, table: str, batch: str, source: Path) -> bool:
    """Land a Parquet file as one batch; return False if the batch was there already.

    Raises:
        LandingError: the file cannot be read, does not have the table's columns, or is from the
            future.
    """
    target = batch_path(landing, table, batch)
    if target.exists():
        return False
    check_file(table, source)
    write_atomically(target, lambda path: shutil.copyfile(source, path))
    return True


def prepare(landing: Path) -> None:
    """Write the zero-row schema file of every table that has none, or one of fewer columns."""
    with scratch() as connection:
        for table, required in LANDING_TABLES.items():
            target = batch_path(landing, table, SCHEMA_BATCH)
            columns = {**OPTIONAL_COLUMNS, **required}
            if target.exists() and _has_columns(connection, target, columns):
                continue
            select = ", ".join(f'cast(null as {kind}) as "{c}"' for c, kind in columns.items())
            empty = connection.sql("select 1").project(select).limit(0)

            def write(path: Path, empty: duckdb.DuckDBPyRelation = empty) -> None:
                empty.write_parquet(str(path))

            write_atomically(target, write)


def _has_columns(connection: duckdb.DuckDBPyConnection, path: Path, columns: Iterable[str]) -> bool:
    try:
        found = connection.execute("select name from parquet_schema(?)", [str(path)]).fetchall()
    except duckdb.Error:
        return False
    return {(name,) for name in columns} <= set(found)


def batches(landing: Path) -> list[tuple[str, Path]]:
    """List (table, file) of every batch in the landing zone, schema files left out, sorted."""
    return sorted(
        (table, path)
        for table in LANDING_TABLES
        for path in (landing / table).glob("*.parquet")
        if path.stem != SCHEMA_BATCH
    )


def check_file(
    table: str, path: Path, *, decode: bool = True, today: datetime.date | None = None
) -> None:
    """Check that a landing file is whole, has the table's columns and is not from the future.

    Args:
        table: the landing table that the file belongs to.
        path: the file.
        decode: also read every value, and the times of crawls and computations.
        today: the day to compare these times and the file's name with, by default the setting's.
            A day more is let pass: time zones and clocks differ.

    Raises:
        LandingError: it names the file, the column or damage, and the remedy.
    """
    remedy = f"Remove {path} or land the batch again; the last good warehouse is untouched."
    latest = (today or Settings().today) + datetime.timedelta(days=1)
    _check_name(path, latest, remedy)
    if path.is_file() and path.stat().st_size == 0:
        raise LandingError(f"{path} is empty, 0 bytes, and no Parquet file. {remedy}")
    try:
        with scratch() as connection:
            connection.execute("set TimeZone = 'UTC'")
            relation = connection.read_parquet(str(path))
            found = dict(zip(relation.columns, map(str, relation.types), strict=True))
            faults = _faults(table, found)
            if faults:
                raise LandingError(f"{path} {'. It '.join(faults)}. {remedy}")
            if decode:
                read_all = "select bit_xor(hash(batch)) from read_parquet(?) as batch"
                connection.execute(read_all, [str(path)]).fetchall()
                _check_times(relation, table, path, latest, remedy)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise LandingError(f"{path} cannot be read as Parquet ({reason}). {remedy}") from error


def _faults(table: str, found: dict[str, str]) -> list[str]:
    """Say of each column that is missing or of another type what was expected and found."""
    required = LANDING_TABLES[table]
    faults = []
    for name, kind in required.items():
        if name not in found and name not in ADDED_COLUMNS.get(table, ()):
            fault = f"has no column {name!r}, which table {table} needs ({kind})"
            faults.append(fault + _renamed(name, table, found))
    for name, kind in {**OPTIONAL_COLUMNS, **required}.items():
        if name in found and not matches(found[name], kind):
            faults.append(f"holds {found[name]} in column {name!r}, expected {kind}")
    return faults


def _renamed(name: str, table: str, found: dict[str, str]) -> str:
    """Name the unknown column that is most like a missing one, if any is."""
    unknown = {
        column.lower(): column
        for column in found
        if column not in LANDING_TABLES[table] and column not in OPTIONAL_COLUMNS
    }
    within = [column for column in unknown if name.lower() in column]
    like = difflib.get_close_matches(name.lower(), unknown, n=1) or within
    if not like:
        return ""
    column = unknown[like[0]]
    return f"; most like it is the unknown column {column!r} ({found[column]}): rename it back"


def _check_times(
    relation: duckdb.DuckDBPyRelation, table: str, path: Path, latest: datetime.date, remedy: str
) -> None:
    for name, kind in {**OPTIONAL_COLUMNS, **LANDING_TABLES[table]}.items():
        if kind != "TIMESTAMP WITH TIME ZONE" or name not in relation.columns:
            continue
        late = f"\"{name}\"::timestamptz >= date '{latest + datetime.timedelta(days=1)}'"
        rows = relation.aggregate(f'count(*) filter ({late}), max("{name}")::varchar').fetchall()
        number, newest = rows[0]
        if number:
            raise LandingError(
                f"{path} holds {number:,} rows from the future: {name!r} goes up to {newest}. "
                f"{remedy} {_CLOCK}"
            )


def _check_name(path: Path, latest: datetime.date, remedy: str) -> None:
    for year, _, month, day in _DATE.findall(path.stem):
        with contextlib.suppress(ValueError):
            if datetime.date(int(year), int(month), int(day)) > latest:
                raise LandingError(f"{path} is named after a day in the future. {remedy} {_CLOCK}")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
