"""Where a crawl stands and what it knows, in one SQLite file that survives a kill at any moment.

A page's models and the cursor behind it, or a config and the note that it is there, are one
transaction each. What is to be landed waits in tables (`listed`, `fetched`, `gone`, …) until
`batches` has made a Parquet file of it. Nothing here grows in memory with the number of models.
"""

import random
import secrets
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from extract.hub.breaker import backoff_s
from extract.hub.errors import HubError
from extract.hub.records import Crawl, Listed, Outcome
from extract.hub.scope import Scope
from modelstrata.errors import ModelstrataError, storage_error_in_text, storage_errors

#: Name of the file in the crawl folder.
FILE = "hub.sqlite"
#: Tries of a config in one crawl, and in all crawls of the same commit.
TRIES_A_CRAWL = 4
TRIES_IN_ALL = 12
#: What a model is that need not land.
UNCHANGED = "unchanged"
_BUSY_S = 10.0
_SCHEMA = """
create table if not exists meta (name text primary key, value text) without rowid;
create table if not exists crawls (
    number integer primary key, scope text not null, started_at text not null,
    next_path text, is_listed integer not null default 0, pages integer not null default 0,
    models integer not null default 0, finished_at text
);
create table if not exists models (
    model_id text primary key, sha text, facts blob, counts blob, landed_on real,
    pipeline_tag text, gated text, seen integer not null, config_sha text, config_status text,
    tries integer not null default 0, due real
) without rowid;
create index if not exists models_due on models (due, model_id) where due is not null;
create table if not exists absences (
    model_id text primary key, status text not null, renamed_to text, seen integer not null
) without rowid;
create table if not exists listed (
    seq integer primary key autoincrement, model_id text, sha text, status text, body blob,
    is_text integer, at text
);
create table if not exists fetched (
    seq integer primary key autoincrement, model_id text, sha text, status text,
    http_status integer, error_code text, etag text, bytes integer, body blob, is_text integer,
    renamed_to text, at text
);
create table if not exists gone (
    seq integer primary key autoincrement, model_id text, status text, renamed_to text, sha text,
    http_status integer, error_code text, at text
);
create table if not exists ended (
    seq integer primary key autoincrement, crawl integer, author text, pipeline_tag text,
    is_whole integer, models integer, started_at text, finished_at text
);
create table if not exists archived (
    seq integer primary key autoincrement, path text, model_id text, precision text, revision text,
    evaluated_at text, body blob, at text
);
create table if not exists archived_files (
    path text primary key, oid text not null, model_id text, precision text, revision text,
    evaluated_at text
) without rowid;
create index if not exists archived_keys on archived_files (model_id, precision, revision);
create table if not exists benchmarks (
    seq integer primary key autoincrement, dataset_id text, body blob, at text
);
create table if not exists ranked (
    seq integer primary key autoincrement, dataset_id text, task_id text, model_id text, body blob,
    at text
);
create table if not exists batches (
    name text primary key, kind text not null, first integer not null, last integer not null
) without rowid;
create table if not exists landed_pages (url text primary key, etag text) without rowid;
"""


def utc_now() -> str:
    """Return the time in UTC as ISO text."""
    return datetime.now(UTC).isoformat()


class State:
    """The file; used by one thread of one process, which holds the crawl folder's lock."""

    def __init__(self, folder: Path, host: str) -> None:
        """Open or make the state below `folder`.

        Raises:
            HubError: the state is that of another Hub.
            StorageError: the folder cannot be written.
        """
        self.path = folder / FILE
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        with self._storage_errors():
            self.db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None)
            self.db.executescript("pragma journal_mode = wal; pragma synchronous = full;")
            self.db.executescript(_SCHEMA)
            self.tag = self._remember("tag", secrets.token_hex(3))
            known = self._remember("host", host)
        if known != host:
            raise HubError(
                f"{self.path} is the state of a crawl of {known}, not of {host}: set "
                "MODELSTRATA_DATA to another folder, or remove the file to crawl everything anew."
            )

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def _storage_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            text = "no space left on device" if "is full" in str(error) else str(error)
            clear: ModelstrataError | None = storage_error_in_text(text, self.path.parent)
            if clear is None and not isinstance(error, sqlite3.OperationalError):
                clear = HubError(
                    f"{self.path} cannot be read ({error}): remove it to crawl everything anew; "
                    "what has landed stays."
                )
            if clear is None:
                clear = HubError(f"{self.path} cannot be used ({error}).")
            raise clear from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Do all inside or nothing, durably.

        Raises:
            StorageError: the disk is full or not writable.
        """
        with self._storage_errors():
            self.db.execute("begin immediate")
            try:
                yield self.db
            except BaseException:
                self.db.execute("rollback")
                raise
            self.db.execute("commit")

    def _remember(self, name: str, value: str) -> str:
        """Keep a value once, and return the one that is kept."""
        self.db.execute("insert or ignore into meta values (?, ?)", (name, value))
        return self.db.execute("select value from meta where name = ?", (name,)).fetchone()[0]

    def begin(self, scope: str, is_fresh: bool, since: str = "") -> Crawl:
        """Go on with the unfinished crawl of a scope, or begin one.

        Args:
            scope: the scope's key.
            is_fresh: begin a new one anyway.
            since: go on only with a crawl that was begun at this time or later, as ISO text in UTC.
        """
        with self.transaction() as db:
            row = db.execute(
                "select number, next_path, is_listed, pages, models from crawls where scope = ? "
                "and finished_at is null and started_at >= ? order by number desc limit 1",
                (scope, since),
            ).fetchone()
            if row is not None and not is_fresh:
                return Crawl(row[0], row[1], bool(row[2]), row[3], row[4], True)
            # What an abandoned crawl of this scope would do is now done by the new one.
            db.execute(
                "update crawls set finished_at = ? where scope = ? and finished_at is null",
                (utc_now(), scope),
            )
            number = db.execute(
                "insert into crawls (scope, started_at) values (?, ?) returning number",
                (scope, utc_now()),
            ).fetchone()[0]
        return Crawl(number, None, False, 0, 0, False)

    def newest_listed(self) -> Crawl | None:
        """Return the newest crawl whose listing is whole, of whatever scope, or None."""
        row = self.db.execute(
            "select number, next_path, is_listed, pages, models from crawls where is_listed "
            "order by number desc limit 1"
        ).fetchone()
        return None if row is None else Crawl(row[0], row[1], bool(row[2]), row[3], row[4], True)

    def earlier_models(self, scope: str) -> int | None:
        """Return the models that the last whole crawl of a scope listed, or None."""
        row = self.db.execute(
            "select models from crawls where scope = ? and is_listed order by number desc limit 1",
            (scope,),
        ).fetchone()
        return row[0] if row else None

    def add_page(
        self, crawl: Crawl, page: Iterable[Listed], next_path: str | None, refresh_s: float
    ) -> Counter[str]:
        """Take in a page and the cursor behind it; count what lands, as `observe` names it.

        Args:
            crawl: the crawl that the page belongs to.
            page: its models within the scope.
            next_path: path and query of the next page; None if this was the last.
            refresh_s: a model of which only downloads and likes moved lands again if it landed
                longer ago than this, in seconds.
        """
        news: Counter[str] = Counter()
        models = 0
        with self.transaction() as db:
            for listed in page:
                news[self._observe(db, crawl, listed, refresh_s)] += 1
                models += 1
            is_listed = next_path is None
            db.execute(
                "update crawls set next_path = ?, is_listed = ?, pages = pages + 1, "
                "models = models + ? where number = ?",
                (next_path, is_listed, models, crawl.number),
            )
        crawl.next_path, crawl.is_listed = next_path, is_listed
        crawl.pages += 1
        crawl.models += models
        del news[UNCHANGED]
        return news

    def observe(self, crawl: Crawl, listed: Listed, refresh_s: float) -> str:
        """Take in one model that was asked for by its id, and say why it lands.

        Returns:
            `new`, `changed`, `recounted` if only downloads and likes moved, or `UNCHANGED`.
        """
        with self.transaction() as db:
            return self._observe(db, crawl, listed, refresh_s)

    def _observe(self, db: sqlite3.Connection, crawl: Crawl, new: Listed, refresh_s: float) -> str:
        old = db.execute(
            "select sha, facts, counts, landed_on, gated, config_sha, config_status, tries, due "
            "from models where model_id = ?",
            (new.key,),
        ).fetchone()
        sha, facts, counts, landed_on, gated, config_sha, config_status, tries, due = old or (
            None,
        ) * 7 + (0, None)
        now = time.time()
        is_moved = counts != new.counts and now - (landed_on or 0) >= refresh_s
        if old is None:
            news = "new"
        elif facts != new.facts:
            news = "changed"
        else:
            news = "recounted" if is_moved else UNCHANGED
        if new.sha != sha:
            tries, due = 0, None
        is_opened = config_status == "gated" and gated != new.gated
        if not new.has_config or new.sha is None or (new.sha == config_sha and not is_opened):
            due = None
        elif due is None and tries < TRIES_IN_ALL:
            due = 0.0
        if old is None:
            db.execute("delete from absences where model_id = ?", (new.key,))
        if news != UNCHANGED:
            counts, landed_on = new.counts, now
            db.execute(
                "insert into listed (model_id, sha, status, body, is_text, at) "
                "values (?, ?, ?, ?, ?, ?)",
                (new.model_id, new.sha, new.status, new.body, new.is_text, utc_now()),
            )
        db.execute(
            "insert into models (model_id, sha, facts, counts, landed_on, pipeline_tag, gated, "
            "seen, config_sha, config_status, tries, due) values (?,?,?,?,?,?,?,?,?,?,?,?) "
            "on conflict (model_id) do update set sha = excluded.sha, facts = excluded.facts, "
            "counts = excluded.counts, landed_on = excluded.landed_on, "
            "pipeline_tag = excluded.pipeline_tag, gated = excluded.gated, seen = excluded.seen, "
            "tries = excluded.tries, due = excluded.due",
            (
                *(new.key, new.sha, new.facts, counts, landed_on, new.pipeline_tag, new.gated),
                *(crawl.number, config_sha, config_status, tries, due),
            ),
        )
        return news

    def restart_listing(self, crawl: Crawl) -> None:
        """Forget the cursor, because the Hub does not know it any more."""
        with self.transaction() as db:
            db.execute(
                "update crawls set next_path = null, pages = 0, models = 0 where number = ?",
                (crawl.number,),
            )
        crawl.next_path, crawl.pages, crawl.models = None, 0, 0

    def end_listing(self, crawl: Crawl, models: int) -> None:
        """Note that all models of a scope were asked for one by one."""
        with self.transaction() as db:
            values = (models, crawl.number)
            db.execute("update crawls set is_listed = 1, models = ? where number = ?", values)
        crawl.is_listed, crawl.models = True, models

    def finish(self, crawl: Crawl) -> None:
        """Note that nothing of a crawl is left to do."""
        with self.transaction() as db:
            values = (utc_now(), crawl.number)
            db.execute("update crawls set finished_at = ? where number = ?", values)

    def end_search(self, crawl: Crawl, scope: Scope) -> None:
        """Note that it is known which models there are; the first such crawl of a day lands."""
        with self.transaction() as db:
            started_at, models = db.execute(
                "select started_at, models from crawls where number = ?", (crawl.number,)
            ).fetchone()
            day, landed = started_at[:10], f"landed crawl {scope.key}"
            known = db.execute("select value from meta where name = ?", (landed,)).fetchone()
            if known == (day,):
                return
            db.execute("insert or replace into meta values (?, ?)", (landed, day))
            db.execute(
                "insert into ended (crawl, author, pipeline_tag, is_whole, models, started_at, "
                "finished_at) values (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(crawl.number, scope.author, scope.pipeline_tag, scope.is_closed, models),
                    *(started_at, utc_now()),
                ),
            )

    def unseen(self, crawl: Crawl, author: str | None, pipeline_tag: str | None) -> Iterator[str]:
        """Yield the ids of known models that a whole listing of the scope did not show."""
        last = ""
        while True:
            rows = self.db.execute(
                "select model_id from models where model_id > ? and seen < ? "
                "and (? is null or instr(model_id, ? || '/') = 1) "
                "and (? is null or pipeline_tag = ?) order by model_id limit 500",
                (last, crawl.number, author, author, pipeline_tag, pipeline_tag),
            ).fetchall()
            if not rows:
                return
            yield from (row[0] for row in rows)
            last = rows[-1][0]

    def count_unseen(self, crawl: Crawl, author: str | None, pipeline_tag: str | None) -> int:
        """Count what `unseen` yields."""
        return self.db.execute(
            "select count(*) from models where seen < ? "
            "and (? is null or instr(model_id, ? || '/') = 1) and (? is null or pipeline_tag = ?)",
            (crawl.number, author, author, pipeline_tag, pipeline_tag),
        ).fetchone()[0]

    def is_asked(self, crawl: Crawl, model_id: str) -> bool:
        """Tell whether a crawl has an answer for an id already."""
        found = self.db.execute(
            "select 1 from models where model_id = ? and seen >= ? union all "
            "select 1 from absences where model_id = ? and seen >= ?",
            (model_id, crawl.number) * 2,
        )
        return found.fetchone() is not None

    def add_absence(
        self,
        crawl: Crawl,
        model_id: str,
        status: str,
        renamed_to: str | None = None,
        http_status: int | None = None,
        error_code: str | None = None,
    ) -> bool:
        """Record that an id leads to no model; return False if that was known.

        A known model becomes `removed` where the Hub merely says that there is none. A failed
        request (`error`) says nothing of a known model, which stays.
        """
        with self.transaction() as db:
            known = db.execute("select sha from models where model_id = ?", (model_id,)).fetchone()
            if known is not None and status == "error":
                return False
            if known is not None and status == "missing":
                status = "removed"
            earlier = db.execute(
                "select status, renamed_to from absences where model_id = ?", (model_id,)
            ).fetchone()
            if known is None and earlier is not None and status == "missing":
                status = earlier[0] if earlier[0] == "removed" else status
            db.execute(
                "insert or replace into absences values (?, ?, ?, ?)",
                (model_id, status, renamed_to, crawl.number),
            )
            db.execute("delete from models where model_id = ?", (model_id,))
            if earlier == (status, renamed_to):
                return False
            db.execute(
                "insert into gone (model_id, status, renamed_to, sha, http_status, error_code, at) "
                "values (?, ?, ?, ?, ?, ?, ?)",
                (
                    *(model_id, status, renamed_to, known[0] if known else None),
                    *(http_status, error_code, utc_now()),
                ),
            )
        return True

    def retry_gated(self, crawl: Crawl) -> None:
        """Let the gated configs be asked for again."""
        with self.transaction() as db:
            db.execute(
                "update models set due = 0, tries = 0 where config_status = 'gated' and seen >= ?",
                (crawl.number,),
            )

    def add_outcome(self, db: sqlite3.Connection, outcome: Outcome, rng: random.Random) -> bool:
        """Take in a config, inside a transaction; return False if it will be asked for again.

        Args:
            db: the transaction.
            outcome: what came of it.
            rng: of the random part of the wait before it is asked for again.
        """
        key = (outcome.model_id, outcome.sha)
        if outcome.may_pass:
            tries = db.execute(
                "update models set tries = tries + 1, due = null where model_id = ? and sha = ? "
                "returning tries",
                key,
            ).fetchall()
            if tries and (tried := tries[0][0] % TRIES_A_CRAWL):
                due = time.time() + max(outcome.retry_after_s, backoff_s(tried, rng))
                db.execute("update models set due = ? where model_id = ? and sha = ?", (due, *key))
                return False
        else:
            db.execute(
                "update models set config_sha = sha, config_status = ?, due = null, tries = 0 "
                "where model_id = ? and sha = ?",
                (outcome.status, *key),
            )
        db.execute(
            "insert into fetched (model_id, sha, status, http_status, error_code, etag, bytes, "
            "body, is_text, renamed_to, at) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(*key, outcome.status, outcome.http_status, outcome.error_code, outcome.etag),
                *(outcome.size, outcome.body, outcome.is_text, outcome.renamed_to, utc_now()),
            ),
        )
        return True

    def has_config(self, model_id: str, sha: str | None = None) -> bool:
        """Tell whether a model's config needs no request: at a commit, or at the one last seen."""
        found = self.db.execute(
            "select 1 from models where model_id = ? and config_sha = coalesce(?, sha)",
            (model_id, sha),
        )
        return found.fetchone() is not None

    def etag(self, url: str) -> str | None:
        """Return the ETag or digest under which a page has landed."""
        row = self.db.execute("select etag from landed_pages where url = ?", (url,)).fetchone()
        return row[0] if row else None

    def set_etag(self, url: str, etag: str | None) -> None:
        """Note the ETag or digest of a page that has landed, or lands with this transaction."""
        self.db.execute("insert or replace into landed_pages values (?, ?)", (url, etag))
