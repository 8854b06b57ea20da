"""Gather results of layer jobs into the embedded snapshot: `python -m extract.layer_results DIR…`.

Each folder is one that the programs of `gpu_jobs` wrote with `--output`; a table's files
`<folder>/<table>/<key>.parquet` become one file of the snapshot. The same results give the same
bytes, in whatever order and under whatever names they lie. A table of which the folders hold
nothing keeps the file that it has.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import duckdb

from extract.land_snapshot import SNAPSHOT
from modelstrata.errors import LandingError, ModelstrataError
from modelstrata.landing import check_file, write_atomically
from modelstrata.landing_schema import LANDING_TABLES, LAYER_TABLES


def gather(folders: Sequence[Path], snapshot: Path = SNAPSHOT) -> dict[str, int]:
    """Write one file a table with the results of some folders, sorted by key and row.

    A result that lies in several files is taken once, as it was computed last.

    Returns:
        The number of rows of each table of which the folders hold any.

    Raises:
        LandingError: a file is damaged or lacks a column, or there are no results at all.
        StorageError: the snapshot cannot be written.
    """
    found = {
        table: [path for folder in folders for path in sorted((folder / table).glob("*.parquet"))]
        for table in LAYER_TABLES
    }
    if not any(found.values()):
        raise LandingError(
            f"No results of layers lie below {', '.join(map(str, folders))}: give folders that "
            f"hold {', '.join(LAYER_TABLES[:-1])} or {LAYER_TABLES[-1]} with Parquet files."
        )
    for table, files in found.items():
        for path in files:
            check_file(table, path)
    return {table: _gather(table, files, snapshot) for table, files in found.items() if files}


def _gather(table: str, files: list[Path], snapshot: Path) -> int:
    columns = LANDING_TABLES[table]
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.execute("set TimeZone = 'UTC'")
        rows = connection.read_parquet([str(path) for path in files], union_by_name=True)
        casts = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())
        kept = rows.project(casts).query(
            "results",
            "select distinct * from results qualify computed_at = max(computed_at) over "
            "(partition by result_key) order by all",
        )
        target = snapshot / f"{table}.parquet"
        write_atomically(target, lambda path: kept.write_parquet(str(path), compression="zstd"))
        ((number,),) = kept.count("*").fetchall()
    return int(number)


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m extract.layer_results", description=__doc__)
    parser.add_argument("folder", nargs="+", type=Path, help="what a program's --output named")
    parser.add_argument("--output", type=Path, default=SNAPSHOT, help="the snapshot's folder")
    args = parser.parse_args(arguments)
    try:
        rows = gather(args.folder, args.output)
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    for table in LAYER_TABLES:
        print(f"{table}: {rows[table]:,} rows" if table in rows else f"{table}: left as it is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
