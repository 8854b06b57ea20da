"""Reading marts, in an order that is the same each time."""

from collections.abc import Iterable
from typing import Any

import duckdb

from report.figure import NoRows

Row = dict[str, Any]
MARTS = "marts"
BUILD = "make build"
STUDY = "make study"


def rows(
    connection: duckdb.DuckDBPyConnection, sql: str, *values: object, command: str = BUILD
) -> list[Row]:
    """Return the rows of a query.

    Args:
        connection: an open warehouse.
        sql: a query that names the mart it reads first with its schema, and orders its rows.
        values: for its question marks.
        command: what fills the mart.

    Raises:
        NoRows: the mart is not there, or has no such row.
    """
    mart = sql.split(f"{MARTS}.", 1)[1].split()[0].rstrip(")")
    try:
        found = connection.execute(sql, list(values))
    except duckdb.CatalogException:
        raise NoRows(f"The warehouse has no mart {mart} yet.", command) from None
    names = [one[0] for one in found.description or []]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    if not rows:
        raise NoRows(f"The mart {mart} has no rows for this yet.", command)
    return rows


def some(connection: duckdb.DuckDBPyConnection, sql: str, *values: object) -> list[Row]:
    """Return the rows of a query, or none if the mart is not there or has none."""
    try:
        return rows(connection, sql, *values)
    except NoRows:
        return []


def present(names: Iterable[str], rows: list[Row], key: str) -> list[str]:
    """Return those of some names, in their order, that rows have as the value of a key."""
    found = {row[key] for row in rows}
    return [name for name in names if name in found]


def grouped(rows: list[Row], *keys: str) -> dict[Any, list[Row]]:
    """Part rows by the value of a key, or the values of several, in their order."""
    parts: dict[Any, list[Row]] = {}
    for row in rows:
        key = row[keys[0]] if len(keys) == 1 else tuple(row[name] for name in keys)
        parts.setdefault(key, []).append(row)
    return parts
