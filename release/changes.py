"""What changed between two versions of a table."""

from pathlib import Path

import duckdb

from release.catalog import Mart
from release.contents import TableChanges


def count_changes(old: Path, new: Path, mart: Mart) -> TableChanges:
    """Count the rows added, changed and removed between two Parquet files of one table.

    Rows are compared by the table's key and by a hash of the columns that both files have. A file
    that someone replaced on the Hub by what is no Parquet cannot be compared, and the note says so.
    """
    try:
        return _compared(old, new, mart)
    except duckdb.IOException:
        raise
    except duckdb.Error:
        return TableChanges(mart.name, mart.rows, 0, 0, "what was there cannot be read")


def _compared(old: Path, new: Path, mart: Mart) -> TableChanges:
    name = mart.name
    with duckdb.connect(config={"temp_directory": str(old.parent / "spilled")}) as connection:
        before, after = (connection.read_parquet(str(path)) for path in (old, new))
        gone = [c for c in before.columns if c not in after.columns]
        came = [c for c in after.columns if c not in before.columns]
        notes = [f"new columns: {', '.join(came)}"] if came else []
        notes += [f"columns that went: {', '.join(gone)}"] if gone else []
        if not set(mart.key) <= set(before.columns):
            note = "; ".join(["another key", *notes])
            return TableChanges(name, len(after), 0, len(before), note)
        kinds = dict(zip(after.columns, after.types, strict=True))
        both = [c for c in after.columns if c in before.columns]
        cast = ", ".join(f'try_cast("{c}" as {kinds[c]}) as "{c}"' for c in both)
        key = ", ".join(f'"{c}"' for c in mart.key)
        values = ", ".join(f'"{c}"' for c in both)
        row = f"{key}, hash({values}) as row_hash"
        before.project(cast).project(f"{row}, false as is_new").create_view("before_rows")
        after.project(row + ", true as is_new").create_view("after_rows")
        ((added, changed, removed),) = connection.execute(f"""
            select
                count(*) filter (where not was_there),
                count(*) filter (where was_there and is_there and hashes > 1),
                count(*) filter (where not is_there)
            from (
                select
                    bool_or(not is_new) as was_there, bool_or(is_new) as is_there,
                    count(distinct row_hash) as hashes
                from (from before_rows union all from after_rows) group by {key}
            )
        """).fetchall()  # noqa: S608 - our own names
    return TableChanges(name, added, changed, removed, "; ".join(notes))
