"""The landing zone: `data/landing/<table>/<batch>.parquet`, append-only, never edited.

A batch is written under a temporary name, synced and renamed; a batch that is there already is
left as it is. Each table has a zero-row schema file, so that it can be read while it is empty.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from modelstrata.errors import LandingError, storage_errors
from modelstrata.landing_schema import LANDING_TABLES, OPTIONAL_COLUMNS, matches

if TYPE_CHECKING:
    import pandas as pd

_BATCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
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
        with duckdb.connect() as connection:
            connection.from_df(frame).project(casts).write_parquet(str(path))

    write_atomically(target, write)
    return True


def land_file(landing: Path, table: str, batch: str, source: Path) -> bool:
    """Land a Parquet file as one batch; return False if the batch was there already.

    Raises:
        LandingError: the file cannot be read or does not have the table's columns.
    """
    target = batch_path(landing, table, batch)
    if target.exists():
        return False
    check_file(table, source)
    write_atomically(target, lambda path: shutil.copyfile(source, path))
    return True


def prepare(landing: Path) -> None:
    """Write the zero-row schema file of every table that has none."""
    for table, required in LANDING_TABLES.items():
        target = batch_path(landing, table, SCHEMA_BATCH)
        if target.exists():
            continue
        columns = {**OPTIONAL_COLUMNS, **required}
        select = ", ".join(f'cast(null as {kind}) as "{name}"' for name, kind in columns.items())

        def write(path: Path, select: str = select) -> None:
            with duckdb.connect() as connection:
                connection.sql("select 1").project(select).limit(0).write_parquet(str(path))

        write_atomically(target, write)


def batches(landing: Path) -> list[tuple[str, Path]]:
    """List (table, file) of every batch in the landing zone, schema files left out, sorted."""
    return sorted(
        (table, path)
        for table in LANDING_TABLES
        for path in (landing / table).glob("*.parquet")
        if path.stem != SCHEMA_BATCH
    )


def check_file(table: str, path: Path, *, decode: bool = True) -> None:
    """Check that a landing file is whole and has the table's columns with the right types.

    Raises:
        LandingError: it names the file, the column or damage, and the remedy.
    """
    remedy = f"Remove {path} or land the batch again; the last good warehouse is untouched."
    try:
        with duckdb.connect() as connection:
            relation = connection.read_parquet(str(path))
            found = dict(zip(relation.columns, map(str, relation.types), strict=True))
            for name, kind in LANDING_TABLES[table].items():
                if name not in found:
                    raise LandingError(
                        f"{path} has no column {name!r}, which table {table} needs "
                        f"({kind}). {remedy}"
                    )
                _check_type(path, name, found[name], kind, remedy)
            for name, kind in OPTIONAL_COLUMNS.items():
                if name in found and name not in LANDING_TABLES[table]:
                    _check_type(path, name, found[name], kind, remedy)
            if decode:
                read_all = "select bit_xor(hash(batch)) from read_parquet(?) as batch"
                connection.execute(read_all, [str(path)]).fetchall()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise LandingError(f"{path} cannot be read as Parquet ({reason}). {remedy}") from error


def _check_type(path: Path, name: str, found: str, kind: str, remedy: str) -> None:
    if not matches(found, kind):
        raise LandingError(f"{path} holds {found} in column {name!r}, expected {kind}. {remedy}")


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file as hexadecimal text."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
