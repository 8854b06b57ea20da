"""Opening the published warehouse for reading."""

from pathlib import Path

import duckdb

from modelstrata.errors import WarehouseError


def open_warehouse(path: Path) -> duckdb.DuckDBPyConnection:
    """Open the published warehouse for reading.

    Raises:
        WarehouseError: there is none, or it is no DuckDB file.
    """
    if not path.exists():
        raise WarehouseError(f"There is no warehouse at {path}: run `make build` first.")
    try:
        return duckdb.connect(str(path), read_only=True)
    except duckdb.Error as error:
        raise WarehouseError(
            f"{path} cannot be opened ({str(error).splitlines()[0]}): run `make build` anew."
        ) from error
