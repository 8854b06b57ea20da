"""A DuckDB in memory, one a process, for looks at files."""

from functools import cache

import duckdb


def scratch() -> duckdb.DuckDBPyConnection:
    """Return a new connection to it, to be closed; what is made in it, others see.

    To open a database of its own takes longer than most looks, 15 ms against 0.01 (DuckDB 1.5).
    """
    return _database().cursor()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()
