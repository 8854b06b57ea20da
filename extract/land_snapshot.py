"""Land the embedded snapshot: `python -m extract.land_snapshot`.

Each table becomes one batch named after its content, so that landing it again adds nothing. Results
of layer jobs are there for the tables that have a file (`extract/layer_results.py`); where the user
has measured the same, dbt takes the user's result, whichever is newer.
"""

import sys
from pathlib import Path

from modelstrata.errors import ModelstrataError
from modelstrata.landing import file_digest, land_file, prepare
from modelstrata.landing_schema import LAYER_TABLES, RAW_TABLES
from modelstrata.settings import Settings

SNAPSHOT = Path(__file__).parent / "snapshot"


def land_snapshot(landing: Path, snapshot: Path = SNAPSHOT) -> dict[str, bool]:
    """Land every table of the snapshot and the zone's schema files.

    Returns:
        For each table of the snapshot, whether its batch was added (False: it was there already).

    Raises:
        LandingError: a snapshot file is damaged or lacks a column.
        StorageError: the landing zone cannot be written.
    """
    prepare(landing)
    added = {}
    for table in (*RAW_TABLES, *kept_layer_tables(snapshot)):
        source = snapshot / f"{table}.parquet"
        batch = f"snapshot-{file_digest(source)[:12]}"
        added[table] = land_file(landing, table, batch, source)
    return added


def kept_layer_tables(snapshot: Path = SNAPSHOT) -> tuple[str, ...]:
    """List the tables of layer jobs that the snapshot holds results of."""
    return tuple(table for table in LAYER_TABLES if (snapshot / f"{table}.parquet").exists())


def main() -> int:
    """Land the snapshot into the data folder and say what was added."""
    try:
        added = land_snapshot(Settings().landing)
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for table, is_new in added.items():
        print(f"{table}: {'landed' if is_new else 'there already'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
