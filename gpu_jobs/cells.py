"""A folder of finished cells: results of one key each, computed once, whole or not there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from gpu_jobs.errors import OutputError
from modelstrata.errors import storage_errors
from modelstrata.landing import write_atomically

#: Arrow's type of each DuckDB type that results use.
ARROW_TYPES = {
    "VARCHAR": pa.string(),
    "BOOLEAN": pa.bool_(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")
_CLAIMS = ".claims"


class CellStore:
    """Parquet files `<folder>/<table>/<key>.parquet`, which several jobs may fill at once.

    A key stands for everything that decides a result, so a finished cell is never changed. A
    job claims a cell, looks whether it is done meanwhile, computes and writes:

        with store.claim(key) as mine:
            if mine and not store.is_done(table, key):
                store.write(table, key, compute(), columns)

    A cell with rows for several tables is done when the last of them is written.
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder, which the first claim or write makes."""
        self.folder = Path(folder)

    def path(self, table: str, key: str) -> Path:
        """Return the file of a cell, be it there or not.

        Raises:
            OutputError: the table or the key has signs that cannot be part of a file's name.
        """
        return self.folder / checked(table) / f"{checked(key)}.parquet"

    def is_done(self, table: str, key: str) -> bool:
        """Tell whether a cell is finished: it gets its name only when it is whole."""
        return self.path(table, key).is_file()

    @contextmanager
    def claim(self, key: str) -> Iterator[bool]:
        """Yield True and hold the cell while the block runs, or False if another job holds it.

        A job that dies gives its claim back at once, since the operating system holds it.

        Raises:
            StorageError: the disk is full, read-only or not writable.
        """
        claims = self.folder / _CLAIMS
        lock = FileLock(claims / f"{checked(key)}.lock", timeout=0)
        try:
            with storage_errors(self.folder):
                claims.mkdir(parents=True, exist_ok=True)
                lock.acquire()
        except Timeout:
            yield False
            return
        try:
            self._sweep(key)
            yield True
        finally:
            lock.release()

    def write(
        self, table: str, key: str, rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]
    ) -> Path:
        """Write a cell's rows, all or nothing, and return its file.

        Args:
            table: name of the table.
            key: what the cell is filed under.
            rows: column to value; columns that are not in `columns` are left out.
            columns: name of each column to its DuckDB type.

        Raises:
            OutputError: there are no rows, a row lacks a column or a value has another type.
            StorageError: the disk is full, read-only or not writable.
        """
        path = self.path(table, key)
        try:
            if not rows:
                raise ValueError("there are no rows")
            if missing := sorted({name for row in rows for name in columns if name not in row}):
                raise ValueError(f"a row lacks {missing[0]}")
            written = to_arrow(rows, columns)
        except (ValueError, pa.ArrowException) as error:
            raise OutputError(
                f"Cell {key} of {table} is no result ({error}) and was not written: "
                "this is a fault of the job, so report it."
            ) from error
        write_atomically(path, lambda temporary: pq.write_table(written, temporary))
        return path

    def read(self, table: str, key: str) -> list[dict[str, Any]]:
        """Return the rows of a finished cell.

        Raises:
            OutputError: it is not there, or is damaged.
        """
        path = self.path(table, key)
        try:
            rows: list[dict[str, Any]] = read_table(path).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise OutputError(
                f"{path} cannot be read: remove it, and the next run computes it again."
            ) from error
        return rows

    def table(self, table: str) -> list[dict[str, Any]]:
        """Return the rows of all finished cells of a table, in the order of their keys.

        Raises:
            OutputError: one is damaged.
        """
        finished = sorted((self.folder / checked(table)).glob("[!.]*.parquet"))
        return [row for path in finished for row in self.read(table, path.stem)]

    def _sweep(self, key: str) -> None:
        """Remove what a job that died has left; nobody else writes while the claim is held."""
        for left in self.folder.glob(f"[!.]*/.{key}.parquet.*.tmp"):
            left.unlink(missing_ok=True)


def read_table(path: Path) -> pa.Table:
    """Return one Parquet file's rows.

    Not by `pyarrow.parquet.read_table`: its threads may still hold what they read when Python ends,
    which then aborts (two runs of five of a program that reads and ends; apache/arrow#34314).

    Raises:
        OSError: there is no such file, or it is a folder.
        pa.ArrowException: it is no Parquet file.
    """
    with pq.ParquetFile(path) as file:
        return file.read()


def to_arrow(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str]) -> pa.Table:
    """Return rows as an Arrow table of the columns, which are name to DuckDB type."""
    schema = pa.schema([(name, ARROW_TYPES[kind]) for name, kind in columns.items()])
    return pa.Table.from_pylist([dict(row) for row in rows], schema=schema)


def checked(name: str) -> str:
    """Return the name of a table or a cell, which becomes part of a path.

    Raises:
        OutputError: it has signs that cannot be part of a file's name.
    """
    if not _NAME.fullmatch(name):
        raise OutputError(f"{name!r} is no name of a cell: use letters, digits, '_' and '-'.")
    return name
