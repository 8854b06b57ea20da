"""Row counts of the published marts, which the next build may not fall far below.

What is counted stands in one place, the arguments of the dbt test `no_large_drop`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

TEST = "no_large_drop"


@dataclass(frozen=True)
class Watched:
    """A table with the columns whose values are counted, by the values of `by` where it is set."""

    schema: str
    table: str
    columns: tuple[str, ...]
    by: str | None


def watched_tables(manifest: dict[str, Any]) -> Iterator[Watched]:
    """List what the project's `no_large_drop` tests compare."""
    for node in manifest["nodes"].values():
        test = node.get("test_metadata") or {}
        if test.get("name") == TEST:
            table = manifest["nodes"][node["attached_node"]]
            arguments = test["kwargs"]
            columns = tuple(arguments.get("columns", ()))
            yield Watched(table["schema"], table["alias"], columns, arguments.get("by"))


def write_row_counts(connection: duckdb.DuckDBPyConnection, manifest: dict[str, Any]) -> None:
    """Replace `meta.row_counts`: rows (`column_name` is empty) and values that are not null.

    A table that was not built yet is left out.
    """
    connection.execute("create schema if not exists meta")
    connection.execute(
        "create or replace table meta.row_counts (schema_name varchar, table_name varchar, "
        "part varchar, column_name varchar, row_count bigint)"
    )
    built = connection.execute("select schema_name, table_name from duckdb_tables()").fetchall()
    rows = [
        row
        for watched in watched_tables(manifest)
        if (watched.schema, watched.table) in built
        for row in _counts(connection, watched)
    ]
    if rows:
        connection.executemany("insert into meta.row_counts values (?, ?, ?, ?, ?)", rows)


def _counts(connection: duckdb.DuckDBPyConnection, watched: Watched) -> Iterator[tuple]:
    relation = connection.table(f'"{watched.schema}"."{watched.table}"')
    # As in the test itself.
    part = f"coalesce(\"{watched.by}\"::varchar, 'unknown')" if watched.by else "''"
    counts = ", ".join(["count(*)", *(f'count("{column}")' for column in watched.columns)])
    parts = relation.aggregate(f"{part} as part, [{counts}] as row_counts", part).fetchall()
    for value, row_counts in parts:
        for column, count in zip(["", *watched.columns], row_counts, strict=True):
            yield watched.schema, watched.table, value, column, count
