"""Writing the report: the page, and the figures as files for papers."""

import os
from pathlib import Path

import duckdb

import modelstrata
from modelstrata.errors import WarehouseError
from modelstrata.landing import write_atomically
from modelstrata.warehouse import open_warehouse
from report.claims import claims
from report.contents import quality_section, sections
from report.models import packed_models
from report.page import Contents, Publication, page

PAGE = "index.html"


def write_page(warehouse: Path, folder: Path, docs: Path) -> Path:
    """Write the page of a published warehouse and return its path.

    Args:
        warehouse: the published DuckDB file; it is opened read-only.
        folder: the report's folder.
        docs: the columns' documentation, linked if it is there.

    Raises:
        WarehouseError: there is no warehouse, or it was not built whole.
        StorageError: the disk is full or not writable.
    """
    with open_warehouse(warehouse) as connection:
        # One thread, so that sums of floating-point numbers are the same each time.
        connection.execute("set threads = 1")
        link = Path(os.path.relpath(docs, folder)).as_posix() if docs.exists() else None
        text = page(
            Contents(
                publication(connection),
                sections(connection),
                claims(connection),
                quality_section(connection),
                packed_models(connection),
                link,
            )
        )
    target = folder / PAGE
    write_atomically(target, lambda path: path.write_text(text, encoding="utf-8"))
    return target


def publication(connection: duckdb.DuckDBPyConnection) -> Publication:
    """Say which warehouse this is.

    Raises:
        WarehouseError: it was not built whole.
    """
    try:
        (fingerprint,) = connection.execute("select fingerprint from meta.publication").fetchall()[
            0
        ]
        ((newest,),) = connection.execute(
            "select max(last_seen_on) from marts.model_lifetimes"
        ).fetchall()
    except (duckdb.CatalogException, IndexError):
        raise WarehouseError("The warehouse was not built whole: run `make build`.") from None
    name = f"{modelstrata.__version__}-{fingerprint[:12]}"
    return Publication(name, fingerprint, str(newest or "an unknown day"))
