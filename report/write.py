"""Writing the report: the page, and the figures as files for papers."""

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import duckdb

import modelstrata
from modelstrata.errors import WarehouseError
from modelstrata.landing import write_atomically
from modelstrata.progress import progress
from modelstrata.warehouse import open_warehouse
from report.claims import claims
from report.contents import quality_section, sections
from report.figure import Figure
from report.images import write_images
from report.models import packed_models, unscored
from report.page import Contents, Publication, page
from report.rows import some

PAGE = "index.html"
IMAGES = "figures"
#: Lists the figures that are there as files; written last.
LISTING = "figures.json"
_CODE = Path(__file__).parent
_SOURCES = (".py", ".j2", ".js", ".css", ".csv")
#: Letters at a page's beginning that hold its key.
_HEAD = 1_000


def read_report(warehouse: Path, docs: str | None, key: str) -> Contents:
    """Read everything that the page shows from a published warehouse.

    Args:
        warehouse: the published DuckDB file; it is opened read-only.
        docs: address of the columns' documentation, relative to the page.
        key: what tells this page from one of another warehouse or code.

    Raises:
        WarehouseError: there is no warehouse, or it was not built whole.
    """
    with _opened(warehouse) as connection:
        return Contents(
            publication(connection),
            sections(connection),
            claims(connection),
            quality_section(connection),
            packed_models(connection),
            unscored(connection),
            docs,
            key,
        )


def read_figures(warehouse: Path) -> list[Figure]:
    """Read the figures alone.

    Raises:
        WarehouseError: there is no warehouse.
    """
    with _opened(warehouse) as connection:
        parts = [*sections(connection), quality_section(connection)]
    return [figure for part in parts for figure in part.figures]


def write_page(warehouse: Path, folder: Path, docs: Path) -> Path:
    """Write the page and return its path; the one of this warehouse and code stays as it is.

    Args:
        warehouse: the published DuckDB file.
        folder: the report's folder.
        docs: the columns' documentation, linked if it is there.

    Raises:
        WarehouseError: there is no warehouse, or it was not built whole.
        StorageError: the disk is full or not writable.
    """
    link = Path(os.path.relpath(docs, folder)).as_posix() if docs.exists() else None
    target = folder / PAGE
    with _opened(warehouse) as connection:
        of = publication(connection)
    key = _key(of, link)
    if not _is_of(target, key):
        text = page(read_report(warehouse, link, key))
        write_atomically(target, lambda path: path.write_text(text, encoding="utf-8"))
    return target


def write_figures(warehouse: Path, folder: Path) -> dict[str, Path]:
    """Write the figures as files and return the SVG files; those of this warehouse and code stay.

    Args:
        warehouse: the published DuckDB file.
        folder: folder of the files; its `figures.json` says of which warehouse they are.

    Raises:
        WarehouseError: there is no warehouse, or it was not built whole.
        StorageError: the disk is full or not writable.
    """
    with _opened(warehouse) as connection:
        of = publication(connection)
    listing, key = folder / LISTING, _key(of, None)
    if not _is_of(listing, key):
        listing.unlink(missing_ok=True)
        figures = read_figures(warehouse)
        titles = {figure.id: figure.title for figure in figures if figure.chart is not None}
        with progress("figures", len(titles)) as advance:
            write_images(figures, folder, advance)
        listed = {"key": key, "fingerprint": of.fingerprint, "figures": titles}
        text = json.dumps(listed, indent=1, ensure_ascii=False)
        write_atomically(listing, lambda path: path.write_text(text + "\n", encoding="utf-8"))
    found = json.loads(listing.read_text(encoding="utf-8"))["figures"]
    return {figure: folder / f"{figure}.svg" for figure in found}


def _key(of: Publication, link: str | None) -> str:
    """Hash what decides the page: warehouse, code, libraries and the link."""
    digest = hashlib.sha256(f"{of.fingerprint} {link}".encode())
    for library in ("altair", "vl-convert-python", "jinja2"):
        digest.update(version(library).encode())
    for path in sorted(path for path in _CODE.rglob("*") if path.suffix in _SOURCES):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:32]


def _is_of(target: Path, key: str) -> bool:
    """Tell whether a page is there that was written with this key."""
    if not target.is_file():
        return False
    with target.open(encoding="utf-8") as file:
        return key in file.read(_HEAD)


@contextmanager
def _opened(warehouse: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with open_warehouse(warehouse) as connection:
        # One thread, so that sums of floating-point numbers are the same each time.
        connection.execute("set threads = 1")
        # What is no table is missing, whatever variables are called so.
        connection.execute("set python_enable_replacements = false")
        yield connection


def publication(connection: duckdb.DuckDBPyConnection) -> Publication:
    """Say which warehouse this is.

    Raises:
        WarehouseError: it was not built whole.
    """
    try:
        found = connection.execute("select fingerprint from meta.publication").fetchall()
    except duckdb.CatalogException:
        found = []
    if not found or found[0][0] is None:
        raise WarehouseError("The warehouse was built in part only: run `make build`.")
    ((fingerprint,),) = found
    listed = some(connection, "select max(last_seen_on) as day from marts.model_lifetimes")
    newest = listed[0]["day"] if listed else None
    name = f"{modelstrata.__version__}-{fingerprint[:12]}"
    return Publication(name, fingerprint, str(newest or "an unknown day"))
