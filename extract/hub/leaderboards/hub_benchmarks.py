"""The Hub's own benchmarks: datasets with a leaderboard of results that model repositories hold."""

import hashlib
from typing import Any
from urllib.parse import quote

from extract.hub.batches import Batches
from extract.hub.errors import Refused
from extract.hub.hub import Hub
from extract.hub.listing import get_page
from extract.hub.state import State, utc_now

_FILTER = "/api/datasets?filter=benchmark:official&limit=1000&full=true"


def land(hub: Hub, state: State, batches: Batches) -> str:
    """Land the official benchmarks and their leaderboards, those that have changed, verbatim.

    Descriptions land in `hub_benchmarks`; of a leaderboard that has changed all entries land anew,
    in `hub_leaderboards`.

    Raises:
        HubError: the Hub does not answer or refuses.
        StorageError: the data folder cannot be written.
    """
    listed: list[tuple[str, str]] = []
    path: str | None = _FILTER
    while path is not None:
        page = get_page(hub, path, _dataset)
        listed += [dataset for dataset in page.objects if dataset is not None]
        path = page.next_path
    described = ranked = 0
    closed = []
    for dataset, text in listed:
        with state.transaction() as db:
            if _is_news(state, dataset, text):
                described += 1
                row = (dataset, text.encode(), utc_now())
                db.execute("insert into benchmarks (dataset_id, body, at) values (?, ?, ?)", row)
        place = f"/api/datasets/{quote(dataset)}/leaderboard?base_model=false"
        try:
            entries = get_page(hub, place, _entry).objects
        except Refused:
            closed.append(dataset)
            continue
        with state.transaction() as db:
            if _is_news(state, place, "\n".join(entry for *_, entry in entries)):
                ranked += len(entries)
                # One time for all: a model that is not among the newest has left the leaderboard.
                now = utc_now()
                db.executemany(
                    "insert into ranked (dataset_id, task_id, model_id, body, at) "
                    "values (?, ?, ?, ?, ?)",
                    [(dataset, t, m, entry.encode(), now) for t, m, entry in entries],
                )
    batches.land_all()
    said = f"{described:,} of {len(listed):,} benchmarks and {ranked:,} results landed"
    return said + (f"; no leaderboard of {', '.join(closed)}" if closed else "")


def _dataset(text: str, value: Any) -> tuple[str, str] | None:
    name = value.get("id") if isinstance(value, dict) else None
    return (name, _clean(text)) if isinstance(name, str) else None


def _entry(text: str, value: Any) -> tuple[str, str, str]:
    fields = value if isinstance(value, dict) else {}
    named = [fields.get(name) for name in ("taskId", "modelId")]
    task, model = (_clean(name) if isinstance(name, str) else "" for name in named)
    return task, model, _clean(text)


def _clean(text: str) -> str:
    """Replace bytes that are no UTF-8: one of them must not spoil a batch."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _is_news(state: State, name: str, text: str) -> bool:
    """Tell whether a text is not the one that landed last under a name, and note it."""
    digest = hashlib.sha256(text.encode()).hexdigest()
    if state.etag(name) == digest:
        return False
    state.set_etag(name, digest)
    return True
