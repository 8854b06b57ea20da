"""The SQL of a compaction: which listings newer ones replace, and what becomes of old batches."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

import duckdb

from modelstrata.landing import SCHEMA_BATCH, batch_path, write_atomically
from modelstrata.replacement import replacement_folder

LISTINGS, HISTORY = "hub_models", "hub_model_history"
#: Batches that crawls landed, by their names.
CRAWLED = re.compile(r"hub-(\d{8}T\d{6}Z)-.+")
#: Old batches that become one file: so many bytes of them at most.
GROUP_BYTES = 256_000_000
#: Rows are some kilobytes long; DuckDB holds a group of them in memory before it writes.
_ROW_GROUP = 8192
# The warehouse's own order among the listings of one id; see int_hub_listings_older.
_EVERY = """
create table listings as
select
    parse_filename(filename, true) as batch_name,
    file_row_number as row_number,
    coalesce(record_id, parse_filename(filename, true) || ':' || file_row_number) as first_id,
    model_id,
    crawled_at::timestamptz as crawled_at,
    status is not distinct from 'ok' as is_crawled,
    strlen(payload) as size,
    coalesce(json_valid(payload), false)
    and json_type(case when json_valid(payload) then payload end) = 'OBJECT' as is_readable
from read_parquet(?, union_by_name = true, filename = true, file_row_number = true)
"""
_SUPERSEDED = """
create table superseded as
select batch_name, row_number
from listings
where is_readable and model_id in (
    select model_id from listings where is_readable group by model_id having count(*) > 1
)
qualify is_crawled and row_number() over (
    partition by model_id order by crawled_at desc nulls last, first_id
) > 1
"""
_KEPT = """
select * exclude (batch_name, row_number, first_id), first_id as record_id
from numbered anti join superseded_here using (batch_name, row_number)
"""
_SLIM = """
select
    model_id,
    first_id as record_id,
    crawled_at,
    source,
    coalesce(sha, listing.sha) as sha,
    try_cast(listing.downloads as bigint) as downloads,
    try_cast(listing."downloadsAllTime" as bigint) as downloads_all_time,
    try_cast(listing.likes as bigint) as likes,
    listing.gated as gated,
    listing."lastModified" as last_modified
from (
    select *, from_json(payload, '{"sha": "VARCHAR", "downloads": "VARCHAR",
        "downloadsAllTime": "VARCHAR", "likes": "VARCHAR", "gated": "VARCHAR",
        "lastModified": "VARCHAR"}') as listing
    from numbered semi join superseded_here using (batch_name, row_number)
)
"""


def find_superseded(connection: duckdb.DuckDBPyConnection, landing: Path) -> None:
    """Make the tables `listings`, one row a landed listing, and `superseded`."""
    every = str(landing / LISTINGS).replace("[", "[[]") + "/*.parquet"
    connection.execute(_EVERY, [every])
    connection.execute(_SUPERSEDED)


def groups(sizes: dict[str, int]) -> Iterator[list[str]]:
    """Yield names of batches, given with their bytes, that become one file each."""
    group: list[str] = []
    total = 0
    for name in sorted(sizes):
        if group and total + sizes[name] > GROUP_BYTES:
            yield group
            group, total = [], 0
        group.append(name)
        total += sizes[name]
    yield group


def write_group(
    connection: duckdb.DuckDBPyConnection, landing: Path, group: list[str]
) -> list[tuple[str, str]]:
    """Write what becomes of some batches, and return the new ones as (table, name)."""
    stamp = max(found[1] for found in map(CRAWLED.fullmatch, group) if found)
    digest = hashlib.sha256("\n".join(group).encode()).hexdigest()[:12]
    name = f"hub-{stamp}-compacted-{digest}"
    files = [str(batch_path(landing, LISTINGS, batch)) for batch in group]
    schema = str(batch_path(landing, LISTINGS, SCHEMA_BATCH))
    # The schema file names every column, also those that none of the batches has.
    numbered = connection.read_parquet(
        [*files, schema], union_by_name=True, filename=True, file_row_number=True
    )
    numbered = numbered.project(
        "* exclude (filename, file_row_number, record_id), "
        "parse_filename(filename, true) as batch_name, file_row_number as row_number, "
        "coalesce(record_id, parse_filename(filename, true) || ':' || file_row_number) as first_id"
    )
    connection.execute(
        "create or replace temp table superseded_here as "
        "select * from superseded where list_contains($1, batch_name)",
        [group],
    )
    new = []
    for table, query in ((LISTINGS, _KEPT), (HISTORY, _SLIM)):
        rows = numbered.query("numbered", query)
        target = replacement_folder(landing) / table / f"{name}.parquet"

        def write(path: Path, rows: duckdb.DuckDBPyRelation = rows) -> None:
            rows.write_parquet(str(path), compression="zstd", row_group_size=_ROW_GROUP)

        write_atomically(target, write)
        if connection.read_parquet(str(target)).count("*").fetchall()[0][0]:
            new.append((table, name))
    return new
