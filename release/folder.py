"""Build the release folder from the published warehouse.

`data/release/<version>/` holds `data/<mart>.parquet` for each mart, the structure paper's three
files in `paper/`, the report with its figures in `report/`, dbt's documentation in `docs/`,
`README.md` (the data card), `release.json` (the same for programs) and `SHA256SUMS`. The version is
the program's and the warehouse's fingerprint, so that the same warehouse and pages give the same
folder, byte for byte. What changed against the version before is not in
it: that depends on what is on the Hub, and is counted when the folder is published.
"""

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb

import modelstrata
from modelstrata.errors import ModelstrataError, storage_error_in_text, storage_errors
from modelstrata.landing import file_digest, sync_folder
from modelstrata.warehouse import open_warehouse
from release.card import data_card
from release.catalog import Mart, marts, sources
from release.contents import CARD, CHECKSUMS, CONTENTS, Contents
from release.pages import find_pages
from release.paper import PAPER_MARTS, write_paper_files


def version(fingerprint: str) -> str:
    """Return the release version of a warehouse with this fingerprint."""
    return f"{modelstrata.__version__}-{fingerprint[:12]}"


def warehouse_version(connection: duckdb.DuckDBPyConnection) -> str:
    """Return the release version of an open warehouse.

    Raises:
        ModelstrataError: the warehouse was not built whole.
    """
    return version(_fingerprint(connection))


def _fingerprint(connection: duckdb.DuckDBPyConnection) -> str:
    try:
        row = connection.execute("select fingerprint from meta.publication").fetchone()
    except duckdb.CatalogException:
        row = None
    if row is None or row[0] is None:
        raise ModelstrataError(
            "The warehouse was built in part only, which is no release: run `make build`."
        )
    return row[0]


def write_release(
    warehouse: Path,
    releases: Path,
    advance: Callable[[str], None] = lambda _: None,
    *,
    report: Path | None = None,
    docs: Path | None = None,
) -> Path:
    """Write the release folder of a published warehouse and return it.

    A folder that is there already is left as it is.

    Args:
        warehouse: the published DuckDB file; it is opened read-only.
        releases: folder that holds one folder a version.
        advance: called with each mart's name when it is written.
        report: folder of the report; its page and figures ship, if they are there.
        docs: folder of the documentation's page, likewise.

    Raises:
        ModelstrataError: there is no warehouse, it was not built whole, or a page is of another.
        StorageError: the disk is full or not writable.
    """
    with opened(warehouse) as connection:
        name = warehouse_version(connection)
        target = releases / name
        if target.exists():
            return target
        pages = find_pages(report, docs, _fingerprint(connection))
        temporary = releases / f".{name}.tmp"
        with storage_errors(releases):
            shutil.rmtree(temporary, ignore_errors=True)
            (temporary / "data").mkdir(parents=True)
            catalog = marts(connection)
            for mart in catalog:
                _write_mart(connection, mart, temporary / "data" / f"{mart.name}.parquet")
                advance(mart.name)
            has_paper_files = PAPER_MARTS.issubset(mart.name for mart in catalog)
            if has_paper_files:
                write_paper_files(connection, temporary / "paper")
            for path, page in pages.files.items():
                (temporary / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(page, temporary / path)
            contents = Contents(
                name,
                tuple(catalog),
                tuple(sources(connection)),
                has_paper_files,
                pages=tuple(sorted(pages.files)),
                figures=dict(pages.figures),
            )
            (temporary / CARD).write_text(data_card(contents), encoding="utf-8")
            (temporary / CONTENTS).write_bytes(contents.to_json())
            _write_checksums(temporary)
            temporary.replace(target)
            sync_folder(releases)
    return target


def opened(warehouse: Path) -> duckdb.DuckDBPyConnection:
    """Open a published warehouse, read-only.

    Raises:
        WarehouseError: there is none, or it cannot be opened.
    """
    connection = open_warehouse(warehouse)
    # One thread, so that rows are cut into groups and written in the same order each time.
    connection.execute("set threads = 1")
    return connection


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
    digests = {path.relative_to(folder).as_posix(): file_digest(path) for path in files}
    (folder / CHECKSUMS).write_text(checksums(digests), encoding="utf-8")


def checksums(digests: Mapping[str, str]) -> str:
    """Return the text of `SHA256SUMS` for files by path."""
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(digests.items()))


def read_checksums(text: str) -> dict[str, str]:
    """Return the files that a text of `SHA256SUMS` lists, by path; other lines are left out."""
    found = (re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in text.splitlines())
    return {match[2]: match[1] for match in found if match}
