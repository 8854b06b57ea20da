"""Crawled listings that newer ones replace become slim rows: nothing of the history is lost.

A crawl lands a model's whole listing again whenever it has changed, and in time most of the landing
zone is listings that no longer count. Compaction writes the rows of old crawl batches anew: those
that count verbatim into `hub_models`, the others into `hub_model_history`, with their commit,
downloads, likes and the like. A row keeps the `record_id` under which it was landed, so that the
warehouse is the same before and after.
"""

import contextlib
import sqlite3
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from extract.hub.compact.rows import (
    CRAWLED,
    HISTORY,
    LISTINGS,
    find_superseded,
    groups,
    write_group,
)
from extract.hub.session import crawl_lock
from modelstrata.errors import LandingError, storage_errors
from modelstrata.landing import batch_path, check_file, prepare
from modelstrata.locks import data_lock
from modelstrata.progress import progress
from modelstrata.replacement import (
    drop_undecided,
    finish_replacement,
    replace_batches,
    replacement_folder,
)
from modelstrata.settings import Settings


@dataclass
class Compaction:
    """What a compaction did, or would do.

    Attributes:
        batches: old batches that are replaced.
        new_batches: batches that stand for them; in a dry run none.
        kept: rows that count, as they were.
        slimmed: rows that newer ones replace.
        bytes_before: size of the old batches.
        bytes_after: size of the new ones; in a dry run an estimate by the length of the texts.
        is_dry_run: whether nothing was written.
    """

    batches: int = 0
    new_batches: list[str] = field(default_factory=list)
    kept: int = 0
    slimmed: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    is_dry_run: bool = False

    def lines(self) -> list[str]:
        """Say it in a few lines."""
        if not self.batches:
            return ["nothing to compact: no old batch holds a listing that a newer one replaces"]
        would, about = ("would become", "about ") if self.is_dry_run else ("became", "")
        won = self.bytes_before - self.bytes_after
        return [
            f"{self.batches:,} batches {would} {self.kept:,} listings as they were and "
            f"{self.slimmed:,} rows of history",
            f"{about}{won / 1e6:,.1f} MB won of {self.bytes_before / 1e6:,.1f} MB",
        ]


def compact(settings: Settings, older_than: timedelta, *, is_dry_run: bool = False) -> Compaction:
    """Compact the crawled listings that landed longer ago than `older_than`.

    A stopped compaction is finished first, or undone if it had not decided yet. The next build is
    one of everything, because batches that it knew are gone; it gives the same tables.

    Raises:
        BuildInProgress: a build holds the data folder's lock.
        HubError: a crawl is running.
        LandingError: a landing file is damaged.
        StorageError: the data folder cannot be written.
    """
    landing = settings.landing
    with crawl_lock(settings), data_lock(settings):
        finish_replacement(landing)
        drop_undecided(landing)
        prepare(landing)
        latest = datetime.now(UTC) - older_than
        try:
            with _connect(settings) as connection:
                return _compact(connection, settings, latest, is_dry_run)
        except duckdb.Error as error:
            for path in (landing / LISTINGS).glob("*.parquet"):
                check_file(LISTINGS, path)
            raise LandingError(
                f"The listings in {landing / LISTINGS} cannot be read: {error}"
            ) from error
        finally:
            drop_undecided(landing)


def _connect(settings: Settings) -> duckdb.DuckDBPyConnection:
    """Open a database on disk, so that millions of rows need no memory."""
    folder = replacement_folder(settings.landing)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(
        str(folder / "plan.duckdb"), config={"memory_limit": "2GB", "threads": 2}
    )
    connection.execute("set TimeZone = 'UTC'")
    return connection


def _compact(
    connection: duckdb.DuckDBPyConnection, settings: Settings, latest: datetime, is_dry_run: bool
) -> Compaction:
    landing = settings.landing
    find_superseded(connection, landing)
    names = connection.execute("select distinct batch_name from superseded order by all").fetchall()
    waiting = _noted(settings)
    old = [name for (name,) in names if _is_older(name, latest) and name not in waiting]
    done = Compaction(batches=len(old), is_dry_run=is_dry_run)
    if not old:
        return done
    sizes = {name: batch_path(landing, LISTINGS, name).stat().st_size for name in old}
    done.bytes_before = sum(sizes.values())
    done.kept, done.slimmed, share = connection.execute(
        "select count(*) filter (is_kept), count(*) filter (not is_kept), "
        "coalesce(sum(size) filter (is_kept) / nullif(sum(size), 0), 1) from ("
        "select size, superseded.row_number is null as is_kept from listings "
        "left join superseded using (batch_name, row_number) where list_contains($1, batch_name))",
        [old],
    ).fetchall()[0]
    if is_dry_run:
        done.bytes_after = round(done.bytes_before * share)
        return done
    new: list[tuple[str, str]] = []
    parts = list(groups(sizes))
    with progress("compacting", len(parts)) as advance:
        for group in parts:
            new += write_group(connection, landing, group)
            advance(group[-1])
    for table, name in new:
        written = replacement_folder(landing) / table / f"{name}.parquet"
        done.bytes_after += written.stat().st_size
        done.new_batches.append(f"{table}/{name}")
    _check_counts(connection, landing, new, done)
    connection.close()
    replace_batches(landing, [(LISTINGS, name) for name in old], new)
    return done


def _is_older(name: str, latest: datetime) -> bool:
    crawled = CRAWLED.fullmatch(name)
    if crawled is None:
        return False
    landed = datetime.strptime(crawled[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return landed <= latest


def _noted(settings: Settings) -> set[str]:
    """List batches that a stopped crawl would write again, were they gone."""
    state = settings.crawl / "hub.sqlite"
    if not state.exists():
        return set()
    with contextlib.closing(sqlite3.connect(state)) as db:
        tables = "select count(*) from sqlite_master where name = 'batches'"
        if db.execute(tables).fetchone() == (0,):
            return set()
        return {name for (name,) in db.execute("select name from batches")}


def _check_counts(
    connection: duckdb.DuckDBPyConnection,
    landing: Path,
    new: list[tuple[str, str]],
    done: Compaction,
) -> None:
    """Read what was written once more, before anything is removed.

    Raises:
        LandingError: rows are missing.
    """
    rows = {LISTINGS: 0, HISTORY: 0}
    for table, name in new:
        path = replacement_folder(landing) / table / f"{name}.parquet"
        check_file(table, path)
        rows[table] += connection.read_parquet(str(path)).count("*").fetchall()[0][0]
    if (rows[LISTINGS], rows[HISTORY]) != (done.kept, done.slimmed):
        raise LandingError(
            f"Compaction wrote {rows[LISTINGS]:,} listings and {rows[HISTORY]:,} rows of history "
            f"where {done.kept:,} and {done.slimmed:,} belong: nothing was replaced. Run it again."
        )
