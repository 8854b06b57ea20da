"""Configs that a crawl still has to ask for: all of them, or those of one bucket."""

import contextlib
import sqlite3

from extract.hub.buckets import BUCKETS, bucket_of
from extract.hub.state import FILE
from modelstrata.settings import Settings

# The index on (due, model_id) holds only what is due, so that a look at one bucket passes over the
# others' ids and nothing else: 2 s for a million (two busy cores, 2026-11-25).
_DUE = "from models where due is not null and seen >= ?"


class DueConfigs:
    """What is due of the models that a crawl has seen."""

    def __init__(self, db: sqlite3.Connection, crawl: int, bucket: str | None = None) -> None:
        """Look at one bucket of the models of a crawl's number, or at all of them."""
        self._db = db
        self._where = _DUE
        self._values: tuple[int | str, ...] = (crawl,)
        if bucket is not None:
            self._where += " and bucket_of(model_id) = ?"
            self._values += (bucket,)
        db.create_function("bucket_of", 1, bucket_of, deterministic=True)

    def count(self) -> int:
        """Count them."""
        return self._db.execute(f"select count(*) {self._where}", self._values).fetchone()[0]

    def take(
        self, after: tuple[float, str], until: float, limit: int
    ) -> list[tuple[float, str, str]]:
        """Return (due time, id, sha) of configs to ask for, in this order, from behind `after`."""
        return self._db.execute(
            f"select due, model_id, sha {self._where} "
            "and (due, model_id) > (?, ?) and due <= ? order by due, model_id limit ?",
            (*self._values, *after, until, limit),
        ).fetchall()

    def next_due(self) -> float | None:
        """Return when the next config may be asked for, in seconds since 1970, or None."""
        return self._db.execute(f"select min(due) {self._where}", self._values).fetchone()[0]

    def by_bucket(self) -> dict[str, int]:
        """Count them by bucket; buckets without any are left out."""
        query = f"select bucket_of(model_id), count(*) {self._where} group by 1"
        found = dict(self._db.execute(query, self._values).fetchall())
        return {bucket: found[bucket] for bucket in BUCKETS if bucket in found}


def due_by_bucket(settings: Settings) -> dict[str, int]:
    """Count what the newest whole listing left due, by bucket, also while a crawl runs."""
    path = settings.crawl / FILE
    if not path.exists():
        return {}
    with contextlib.closing(sqlite3.connect(path)) as db:
        newest = db.execute("select max(number) from crawls where is_listed").fetchone()[0]
        return {} if newest is None else DueConfigs(db, newest).by_bucket()
