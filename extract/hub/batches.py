"""What waits in the state becomes batches of the landing zone.

A batch is first noted (its name and its rows), then written, then its rows are dropped. After a
kill in between the noted batch is written again, with the same rows and under the same name.
"""

import itertools
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd

from extract.hub.state import State
from modelstrata.landing import batch_path, write_atomically
from modelstrata.landing_schema import LANDING_TABLES, OPTIONAL_COLUMNS

#: A batch is closed at so many rows or bytes of text: small enough to be held in memory twice.
MAX_ROWS = 20_000
MAX_BYTES = 32_000_000
_CHUNK = 500
SOURCE = "hub"


@dataclass(frozen=True)
class _Kind:
    """How a waiting table becomes a landing table: columns and their SQL over the waiting rows."""

    table: str
    size: str
    columns: dict[str, str]


_TEXT = "case when is_text then body end"
_RAW = "case when not is_text then body end"
_KINDS = {
    "listed": _Kind(
        "hub_models",
        "coalesce(length(body), 0)",
        {
            "model_id": "model_id",
            "payload": _TEXT,
            "crawled_at": "at",
            "sha": "sha",
            "status": "status",
            "raw": _RAW,
        },
    ),
    "fetched": _Kind(
        "hub_configs",
        "coalesce(length(body), 0)",
        {
            "model_id": "model_id",
            "config": _TEXT,
            "fetched_at": "at",
            "completeness": "case when body is not null then 'verbatim' end",
            "sha": "sha",
            "status": "status",
            "http_status": "http_status",
            "error_code": "error_code",
            "etag": "etag",
            "bytes": "bytes",
            "raw": _RAW,
            "renamed_to": "renamed_to",
        },
    ),
    "archived": _Kind(
        "open_llm_v1_results",
        "length(body)",
        {
            "path": "path",
            "model_id": "model_id",
            "precision": "precision",
            "revision": "revision",
            "evaluated_at": "evaluated_at",
            "payload": "body",
            "fetched_at": "at",
        },
    ),
    "benchmarks": _Kind(
        "hub_benchmarks",
        "length(body)",
        {"dataset_id": "dataset_id", "payload": "body", "fetched_at": "at"},
    ),
    "ranked": _Kind(
        "hub_leaderboards",
        "length(body)",
        {
            "dataset_id": "dataset_id",
            "task_id": "task_id",
            "model_id": "model_id",
            "payload": "body",
            "fetched_at": "at",
        },
    ),
    "gone": _Kind(
        "hub_removals",
        "0",
        {
            "model_id": "model_id",
            "status": "status",
            "renamed_to": "renamed_to",
            "sha": "sha",
            "http_status": "http_status",
            "error_code": "error_code",
            "fetched_at": "at",
        },
    ),
    "ended": _Kind(
        "hub_crawls",
        "0",
        {
            "crawl": "crawl",
            "state": "(select value from meta where name = 'tag')",
            "author": "author",
            "pipeline_tag": "pipeline_tag",
            "is_whole": "is_whole = 1",
            "models": "models",
            "started_at": "started_at",
            "finished_at": "finished_at",
        },
    ),
}


class Batches:
    """Lands what waits in the state, in batches of sensible size.

    Attributes:
        landing: the landing zone.
        landed: rows landed so far, by landing table.
    """

    def __init__(self, state: State, landing: Path) -> None:
        """Finish the batches that an earlier run began.

        Raises:
            StorageError: the landing zone cannot be written.
        """
        self._state = state
        self.landing = landing
        self.landed = dict.fromkeys((kind.table for kind in _KINDS.values()), 0)
        for table in self.landed:
            # What a killed run was writing; the lock is held, so nobody else writes it.
            for rest in (landing / table).glob(".hub-*.tmp"):
                rest.unlink()
        noted = "select name, kind, first, last from batches order by name"
        for name, kind, first, last in state.db.execute(noted).fetchall():
            self._write(name, kind, first, last)

    def land_full(self) -> None:
        """Land what fills a batch."""
        for kind in _KINDS:
            while (last := self._full(kind)) is not None:
                self._land(kind, last)

    def land_all(self) -> None:
        """Land everything that waits."""
        self.land_full()
        for kind in _KINDS:
            last = self._state.db.execute(f"select max(seq) from {kind}").fetchone()[0]  # noqa: S608
            if last is not None:
                self._land(kind, last)

    def _full(self, kind: str) -> int | None:
        """Return the last row of a full batch, or None if too little waits for one."""
        size = 0
        # Sizes are read from the rows' headers, not with the texts.
        sizes = self._state.db.execute(f"select seq, {_KINDS[kind].size} from {kind} order by seq")  # noqa: S608
        for rows, (seq, length) in enumerate(sizes, start=1):
            size += length
            if rows >= MAX_ROWS or size >= MAX_BYTES:
                return seq
        return None

    def _land(self, kind: str, last: int) -> None:
        with self._state.transaction() as db:
            first = db.execute(f"select min(seq) from {kind}").fetchone()[0]  # noqa: S608
            name = self.next_name(db)
            db.execute("insert into batches values (?, ?, ?, ?)", (name, kind, first, last))
        self._write(name, kind, first, last)

    def next_name(self, db: sqlite3.Connection) -> str:
        """Name a batch so that names sort by time and differ, also between states."""
        db.execute("insert or ignore into meta values ('batches', '0')")
        number = int(
            db.execute(
                "update meta set value = value + 1 where name = 'batches' returning value"
            ).fetchone()[0]
        )
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        return f"hub-{stamp}-{number:06d}-{self._state.tag}"

    def _write(self, name: str, kind: str, first: int, last: int) -> None:
        table = _KINDS[kind].table
        target = batch_path(self.landing, table, name)
        if not target.exists():
            write_parquet(target, table, name, self._frames(kind, first, last))
        with self._state.transaction() as db:
            count = db.execute(f"delete from {kind} where seq between ? and ?", (first, last))  # noqa: S608
            db.execute("delete from batches where name = ?", (name,))
        self.landed[table] += count.rowcount

    def _frames(self, kind: str, first: int, last: int) -> Iterator[pd.DataFrame]:
        columns = _KINDS[kind].columns
        select = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
        rows = self._state.db.execute(
            f"select {select} from {kind} where seq between ? and ? order by seq",  # noqa: S608
            (first, last),
        )
        while chunk := list(itertools.islice(rows, _CHUNK)):
            frame = pd.DataFrame(chunk, columns=list(columns), dtype="object")
            for name in ("payload", "config"):
                if name in frame:
                    frame[name] = [t if t is None else t.decode() for t in frame[name]]
            yield frame.assign(source=SOURCE)


def write_parquet(target: Path, table: str, batch: str, frames: Iterator[pd.DataFrame]) -> None:
    """Write frames as one batch with the table's columns and all others that the frames have.

    Raises:
        StorageError: the disk is full, read-only or not writable.
    """
    kinds = {**OPTIONAL_COLUMNS, **LANDING_TABLES[table]}

    def write(path: Path) -> None:
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.execute("set TimeZone = 'UTC'")
            is_made = False
            for frame in frames:
                casts = ", ".join(
                    f'cast("{name}" as {kinds.get(name, "VARCHAR")}) as "{name}"'
                    for name in frame.columns
                )
                connection.register("chunk", frame)
                how = "insert into batch" if is_made else "create table batch as"
                connection.execute(f"{how} select {casts}, ? as batch from chunk", [batch])  # noqa: S608
                connection.unregister("chunk")
                is_made = True
            connection.table("batch").write_parquet(str(path), compression="zstd")

    write_atomically(target, write)
