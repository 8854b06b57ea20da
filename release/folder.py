"""Build the release folder from the published warehouse.

`data/release/<version>/` holds `data/<mart>.parquet` for each mart, `README.md` (the data card)
and `SHA256SUMS`. The version is the program's and the warehouse's fingerprint, so that the same
warehouse gives the same folder, byte for byte.
"""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb

import modelstrata
from modelstrata.errors import ModelstrataError, storage_error_in_text, storage_errors
from modelstrata.landing import file_digest, sync_folder
from release.card import data_card
from release.catalog import Mart, marts, sources


def version(fingerprint: str) -> str:
    """Return the release version of a warehouse with this fingerprint."""
    return f"{modelstrata.__version__}-{fingerprint[:12]}"


def warehouse_version(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the release version of an open warehouse.

    Raises:
        ModelstrataError: the warehouse was not built whole.
    """
    try:
        row = connection.execute("select fingerprint from meta.publication").fetchone()
    except duckdb.CatalogException:
        row = None
    if row is None or row[0] is None:
        raise ModelstrataError(
            "The warehouse was built in part only, which is no release: run `make build`."
        )
    return version(row[0])


def write_release(
    warehouse: Path, releases: Path, advance: Callable[[str], None] = lambda _: None
) -> Path:
    """Write the release folder of a published warehouse and return it.

    A folder that is there already is left as it is.

    Args:
        warehouse: the published DuckDB file; it is opened read-only.
        releases: folder that holds one folder a version.
        advance: called with each mart's name when it is written.

    Raises:
        ModelstrataError: there is no warehouse, or it was not built whole.
        StorageError: the disk is full or not writable.
    """
    if not warehouse.exists():
        raise ModelstrataError(f"There is no warehouse at {warehouse}: run `make build` first.")
    with _opened(warehouse) as connection:
        # One thread, so that row groups are cut and written in the same order each time.
        connection.execute("set threads = 1")
        name = warehouse_version(connection)
        target = releases / name
        if target.exists():
            return target
        temporary = releases / f".{name}.tmp"
        with storage_errors(releases):
            shutil.rmtree(temporary, ignore_errors=True)
            (temporary / "data").mkdir(parents=True)
            catalog = marts(connection)
            for mart in catalog:
                _write_mart(connection, mart, temporary / "data" / f"{mart.name}.parquet")
                advance(mart.name)
            card = data_card(name, catalog, sources(connection))
            (temporary / "README.md").write_text(card, encoding="utf-8")
            _write_checksums(temporary)
            temporary.replace(target)
            sync_folder(releases)
    return target


def _opened(warehouse: Path) -> duckdb.DuckDBPyConnection:
    try:
        return duckdb.connect(str(warehouse), read_only=True)
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise ModelstrataError(
            f"{warehouse} cannot be opened ({reason}). Remove it and run `make build`."
        ) from error


def _write_mart(connection: duckdb.DuckDBPyConnection, mart: Mart, path: Path) -> None:
    order = ", ".join(f'"{column}"' for column in mart.key)
    rows = connection.table(f"marts.{mart.name}").order(order)
    try:
        rows.write_parquet(str(path), compression="zstd")
    except duckdb.IOException as error:
        clear = storage_error_in_text(str(error), path)
        if clear is None:
            raise
        raise clear from error


def _write_checksums(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{file_digest(path)}  {path.relative_to(folder).as_posix()}\n" for path in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
