"""The first Open LLM Leaderboard's archive: one JSON file an evaluation.

A model was evaluated again and again; what lands is the newest result for each model, precision and
revision, which only the file itself tells. So files are read from the newest to the oldest, and one
that is older than what has landed stays out. Files that were read before are not asked for again.
"""

import functools
import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from extract.hub.batches import Batches
from extract.hub.errors import Refused
from extract.hub.hub import Hub
from extract.hub.leaderboards.datasets import File, files, head, read
from extract.hub.state import State, utc_now

DATASET = "open-llm-leaderboard-old/results"
_RESULT = re.compile(r"(?P<model>[^/]+(?:/[^/]+)?)/results_(?P<time>[^/]+)\.json")
_DASHES = re.compile(r"T(\d\d)-(\d\d)-(\d\d)")
_MAX_BYTES = 16_000_000


@dataclass(frozen=True)
class _Result:
    """A file of the archive, read; without a body if it is no JSON object or cannot be had."""

    file: File
    model_id: str
    precision: str
    revision: str
    evaluated_at: str
    body: bytes | None


def land(hub: Hub, state: State, batches: Batches, threads: int) -> str:
    """Land what is new in the archive, verbatim, in `open_llm_v1_results`.

    Raises:
        HubError: the Hub does not answer or refuses.
        StorageError: the data folder cannot be written.
    """
    sha = head(hub, DATASET)
    if state.etag(DATASET) == sha:
        return f"unchanged at commit {sha[:12]}"
    known = dict(state.db.execute("select path, oid from archived_files"))
    found = [f for f in files(hub, DATASET, sha) if _RESULT.fullmatch(f.path)]
    wanted = [file for file in found if known.get(file.path) != file.oid]
    wanted.sort(key=_time, reverse=True)
    hub.gates["resolvers"].wanted = len(wanted)
    landed = 0
    with ThreadPoolExecutor(threads, thread_name_prefix="archive") as pool:
        # In groups, so that no more than a few files are in memory, in the order of their age.
        for group in _groups(wanted, 4 * threads):
            results = list(pool.map(functools.partial(_read, hub, sha), group))
            with state.transaction() as db:
                for result in results:
                    landed += _keep(db, result)
            batches.land_full()
    batches.land_all()
    state.set_etag(DATASET, sha)
    return f"{landed:,} results landed, {len(wanted):,} of {len(found):,} files read"


def _groups(items: list[File], size: int) -> Iterator[tuple[File, ...]]:
    yield from (tuple(items[start : start + size]) for start in range(0, len(items), size))


def _time(file: File) -> str:
    """Return when a file's evaluation ended; some names have dashes in the time of day."""
    found = _RESULT.fullmatch(file.path)
    return _DASHES.sub(r"T\1:\2:\3", found["time"]) if found else ""


def _read(hub: Hub, sha: str, file: File) -> _Result:
    found = _RESULT.fullmatch(file.path)
    model = found["model"] if found else file.path
    nothing = _Result(file, model, "", "", _time(file), None)
    try:
        body = read(hub, DATASET, sha, file.path, _MAX_BYTES)
    except Refused:
        return nothing
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        return nothing
    if not isinstance(value, dict):
        return nothing
    config = value.get("config_general")
    config = config if isinstance(config, dict) else {}
    return _Result(
        file,
        _text(config.get("model_name")) or model,
        _text(config.get("model_dtype")),
        _text(config.get("model_sha")),
        _time(file),
        body,
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _keep(db: Any, result: _Result) -> bool:
    """Note a file, and let it land unless a newer one of the same evaluation has."""
    key = (result.model_id, result.precision, result.revision)
    newer = db.execute(
        "select 1 from archived_files where model_id = ? and precision = ? and revision = ? "
        "and evaluated_at > ?",
        (*key, result.evaluated_at),
    ).fetchone()
    lands = result.body is not None and newer is None
    db.execute(
        "insert or replace into archived_files values (?, ?, ?, ?, ?, ?)",
        (result.file.path, result.file.oid, *key, result.evaluated_at),
    )
    if lands:
        db.execute(
            "insert into archived (path, model_id, precision, revision, evaluated_at, body, at) "
            "values (?, ?, ?, ?, ?, ?, ?)",
            (result.file.path, *key, result.evaluated_at, result.body, utc_now()),
        )
    return lands
