"""Models asked for one by one: those of a list, and those that a listing no longer shows."""

import json
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from urllib.parse import quote, unquote, urlencode, urlsplit

from extract.hub.errors import PassingError
from extract.hub.hub import Hub
from extract.hub.listing import listed_model
from extract.hub.records import Crawl, Listed
from extract.hub.scope import EXPAND
from extract.hub.state import UNCHANGED, State
from modelstrata.model_ids import is_model_id

_MAX_BYTES = 64_000_000
_TRIES = 4
_QUERY = urlencode([("expand", name) for name in EXPAND])


@dataclass(frozen=True)
class Found:
    """What the Hub says of an id: a model, or why there is none under it."""

    model_id: str
    listed: Listed | None = None
    status: str = "ok"
    renamed_to: str | None = None
    http_status: int | None = None
    error_code: str | None = None


def look_up(hub: Hub, model_id: str) -> Found:
    """Ask for one model's description.

    Raises:
        HubError: the crawl cannot go on.
    """
    if not is_model_id(model_id):
        return Found(model_id, status="invalid_id")
    last = None
    for _ in range(_TRIES):
        try:
            answer = hub.get(f"/api/models/{quote(model_id)}?{_QUERY}", "api", max_bytes=_MAX_BYTES)
        except PassingError as error:
            last = Found(model_id, None, "error", None, error.http_status, error.code)
            hub.stop.wait(error.retry_after_s)
            continue
        status, code = answer.status, answer.error_code
        new_id = _renamed_id(hub, answer.target) if answer.target else None
        if new_id is not None and new_id != model_id:
            return Found(model_id, None, "renamed", new_id, status, code)
        if status in (401, 403, 404) and (status == 404 or code == "RepoNotFound"):
            return Found(model_id, None, "missing", None, status, code)
        if status in (401, 403):
            return Found(model_id, None, "gated", None, status, code)
        if status == 200 and not answer.is_too_large:
            text = answer.body.decode("utf-8", "surrogateescape").strip()
            try:
                return Found(model_id, listed_model(text, json.loads(text)))
            except (ValueError, RecursionError):
                code = "html" if answer.is_html else "not_json"
                last = Found(model_id, None, "error", None, status, code)
                continue
        return Found(model_id, None, "error", None, status, code or f"http_{status}")
    assert last is not None
    return last


def _renamed_id(hub: Hub, target: str) -> str | None:
    path = unquote(urlsplit(target).path) if hub.is_own(target) else ""
    new_id = path.removeprefix("/api/models/")
    return new_id if new_id != path and is_model_id(new_id) else None


def crawl_ids(
    hub: Hub,
    state: State,
    crawl: Crawl,
    ids: Iterable[str],
    threads: int,
    refresh_s: float,
    after_model: Callable[[str], None],
) -> None:
    """Ask for models by their ids; what a renamed one is called now is asked for too.

    Args:
        hub: whom to ask.
        state: where answers are kept.
        crawl: the crawl; ids that it has an answer for are left out.
        ids: the ids.
        threads: requests at the same time.
        refresh_s: after how many seconds moved counts alone land again.
        after_model: called after each id with what came of it: as `State.observe` names it, or
            `absent` if it is newly known to lead nowhere or elsewhere, `failed` if nobody can tell.

    Raises:
        HubError: the crawl cannot go on.
    """
    queue = iter(ids)
    more: list[str] = []
    with ThreadPoolExecutor(threads, thread_name_prefix="model") as pool:
        under_way: set[Future[Found]] = set()
        try:
            while True:
                while len(under_way) <= threads:
                    model_id = more.pop() if more else next(queue, None)
                    if model_id is None:
                        break
                    if state.is_asked(crawl, model_id):
                        after_model(UNCHANGED)
                        continue
                    under_way.add(pool.submit(look_up, hub, model_id))
                if not under_way:
                    return
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    found = future.result()
                    after_model(_take(state, crawl, found, refresh_s))
                    if found.renamed_to is not None:
                        more.append(found.renamed_to)
        except BaseException:
            hub.stop.set()
            pool.shutdown(cancel_futures=True)
            raise


def _take(state: State, crawl: Crawl, found: Found, refresh_s: float) -> str:
    if found.listed is not None:
        return state.observe(crawl, found.listed, refresh_s)
    is_news = state.add_absence(
        crawl,
        found.model_id,
        found.status,
        found.renamed_to,
        found.http_status,
        found.error_code,
    )
    if found.status == "error":
        return "failed"
    return "absent" if is_news else UNCHANGED
