"""BigCodeBench: two JSON files of its web site, one a split."""

import hashlib
import json
from typing import Any

import pandas as pd

from extract.hub.batches import Batches
from extract.hub.errors import HubError
from extract.hub.hub import Answer, Hub
from extract.hub.leaderboards.datasets import whole
from extract.hub.state import State
from modelstrata.landing import land_frame
from modelstrata.landing_schema import LANDING_TABLES

TABLE = "bigcodebench"
_SPLITS = {"full": "results.json", "hard": "results-hard.json"}
_MAX_BYTES = 16_000_000


def land(hub: Hub, state: State, batches: Batches, site: str) -> str:
    """Land both splits in `bigcodebench`'s columns, if one has changed.

    Raises:
        HubError: the site does not answer, or with something else.
        StorageError: the data folder cannot be written.
    """
    answers = {}
    for split, name in _SPLITS.items():
        answers[split] = _ask(hub, state, f"{site}/{name}")
    if all(answer is None for answer in answers.values()):
        return "unchanged"
    # Both belong to one batch: what did not change comes again.
    for split, name in _SPLITS.items():
        answers[split] = answers[split] or _ask(hub, None, f"{site}/{name}")
    bodies = {split: answer.body for split, answer in answers.items() if answer is not None}
    rows = [row for split, body in bodies.items() for row in _rows(split, body)]
    digest = hashlib.sha256(b"\0".join(bodies.values())).hexdigest()
    frame = pd.DataFrame(rows, columns=list(LANDING_TABLES[TABLE]), dtype="object")
    is_new = land_frame(batches.landing, TABLE, f"bigcodebench-{digest[:12]}", frame)
    for answer in answers.values():
        if answer is not None:
            state.set_etag(answer.url, answer.headers.get("ETag"))
    return f"{len(frame):,} results " + ("landed" if is_new else "there already")


def _ask(hub: Hub, state: State | None, url: str) -> Answer | None:
    """Ask for a file; return None if it is the one that has landed."""
    etag = state.etag(url) if state else None
    headers = {"If-None-Match": etag} if etag else {}

    def ask() -> Answer | None:
        answer = hub.get_elsewhere(url, headers=headers, max_bytes=_MAX_BYTES)
        if answer.status == 304:
            return None
        return whole(answer, url)

    return hub.insist(ask, url)


def _rows(split: str, body: bytes) -> list[dict[str, Any]]:
    try:
        models = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HubError(f"BigCodeBench's split {split} is no JSON: {error}.") from error
    if not isinstance(models, dict) or not all(isinstance(m, dict) for m in models.values()):
        raise HubError(f"BigCodeBench's split {split} is no table of models any more.")
    return [_row(split, name, model) for name, model in models.items()]


def _row(split: str, name: str, model: dict[str, Any]) -> dict[str, Any]:
    scores = model.get("pass@1")
    scores = scores if isinstance(scores, dict) else {}
    return {
        "split": split,
        "name": name,
        "link": _of(str, model.get("link")),
        "complete": _of(float, scores.get("complete")),
        "instruct": _of(float, scores.get("instruct")),
        "moe": _of(bool, model.get("moe")),
        "size": _of(float, model.get("size")),
        "act_param": _of(float, model.get("act_param")),
        "date": _of(str, model.get("date")),
        "open_data": _of(str, model.get("open-data")),
        "prefill": _of(bool, model.get("prefill")),
        "prompted": _of(bool, model.get("prompted")),
    }


def _of(kind: type, value: Any) -> Any:
    """Return a value if it is of a kind, else None: a column takes nothing else."""
    if kind is float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return float(value) if is_number else None
    return value if isinstance(value, kind) else None
