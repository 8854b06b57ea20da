"""What the warehouse holds, read from its own catalog.

dbt's YAML descriptions are stored in the file as comments (`persist_docs`), so that they need no
second copy here.
"""

import duckdb
from pydantic.dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    """A mart's column: name, DuckDB type and meaning."""

    name: str
    kind: str
    description: str


@dataclass(frozen=True)
class Mart:
    """A mart: name, meaning, number of rows, primary key and columns.

    Attributes:
        quotes: landing tables whose records it quotes; None where nothing says so.
        quotes_reason: why these (the seed `release_tables`).
    """

    name: str
    description: str
    rows: int
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    quotes: tuple[str, ...] | None = None
    quotes_reason: str = ""


@dataclass(frozen=True)
class Source:
    """Where landed facts come from, and under which license."""

    landing_table: str
    source: str
    version: str
    origin: str
    license: str
    retrieved: str
    note: str


def marts(connection: duckdb.DuckDBPyConnection) -> list[Mart]:
    """List the marts of an open warehouse by name."""
    tables = connection.execute(
        "select table_name, coalesce(comment, '') from duckdb_tables() "
        "where schema_name = 'marts' order by table_name"
    ).fetchall()
    quoted = _quoted(connection)
    return [_mart(connection, name, comment, quoted) for name, comment in tables]


def _mart(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    comment: str,
    quoted: dict[str, tuple[tuple[str, ...], str]],
) -> Mart:
    columns = connection.execute(
        "select column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        "where schema_name = 'marts' and table_name = ? order by column_index",
        [name],
    ).fetchall()
    key = connection.execute(
        'select columns from meta.primary_keys where "table" = ?', [name]
    ).fetchone()
    count = connection.table(f"marts.{name}").count("*").fetchone()
    quotes, reason = quoted.get(name, (None, ""))
    return Mart(
        name=name,
        description=comment.strip(),
        rows=count[0] if count else 0,
        key=tuple(key[0]) if key else (columns[0][0],),
        columns=tuple(Column(n, kind, text.strip()) for n, kind, text in columns),
        quotes=quotes,
        quotes_reason=reason,
    )


def _quoted(connection: duckdb.DuckDBPyConnection) -> dict[str, tuple[tuple[str, ...], str]]:
    """Return what the seed `release_tables` says of each mart."""
    rows = connection.execute(
        "select mart, coalesce(quotes, ''), reason from rules.release_tables"
    ).fetchall()
    return {mart: (tuple(quotes.split()), reason) for mart, quotes, reason in rows}


def sources(connection: duckdb.DuckDBPyConnection) -> list[Source]:
    """List the sources of the landed facts (the seed `data_sources`).

    A source without a day is what a crawl brings; it is listed if a crawl has brought something.
    """
    rows = connection.execute("""
        select
            landing_table, source, coalesce(version::varchar, ''), origin, license,
            coalesce(retrieved::varchar, 'at each crawl'), note
        from rules.data_sources
        where retrieved is not null or landing_table in (
            select "table" from meta.landing_batches where batch not like 'snapshot-%'
        )
        order by all
    """).fetchall()
    return [Source(*row) for row in rows]
