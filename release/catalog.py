"""What the warehouse holds, read from its own catalog.

dbt's YAML descriptions are stored in the file as comments (`persist_docs`), so that they need no
second copy here.
"""

from dataclasses import dataclass

import duckdb


@dataclass(frozen=True)
class Column:
    """A mart's column: name, DuckDB type and meaning."""

    name: str
    kind: str
    description: str


@dataclass(frozen=True)
class Mart:
    """A mart: name, meaning, number of rows, primary key and columns."""

    name: str
    description: str
    rows: int
    key: tuple[str, ...]
    columns: tuple[Column, ...]


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
    return [_mart(connection, name, comment) for name, comment in tables]


def _mart(connection: duckdb.DuckDBPyConnection, name: str, comment: str) -> Mart:
    columns = connection.execute(
        "select column_name, data_type, coalesce(comment, '') from duckdb_columns() "
        "where schema_name = 'marts' and table_name = ? order by column_index",
        [name],
    ).fetchall()
    key = connection.execute(
        'select columns from meta.primary_keys where "table" = ?', [name]
    ).fetchone()
    count = connection.table(f"marts.{name}").count("*").fetchone()
    return Mart(
        name=name,
        description=comment.strip(),
        rows=count[0] if count else 0,
        key=tuple(key[0]) if key else (columns[0][0],),
        columns=tuple(Column(n, kind, text.strip()) for n, kind, text in columns),
    )


def sources(connection: duckdb.DuckDBPyConnection) -> list[Source]:
    """List the sources of the landed facts (the seed `data_sources`)."""
    rows = connection.execute(
        "select landing_table, source, coalesce(version::varchar, ''), origin, license, "
        "retrieved::varchar, note from rules.data_sources order by all"
    ).fetchall()
    return [Source(*row) for row in rows]
