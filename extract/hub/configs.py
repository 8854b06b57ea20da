"""config.json files: one request for each model whose commit is not known yet."""

import hashlib
import json
import queue
import random
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from urllib.parse import quote, unquote, urlsplit

from extract.hub.batches import Batches
from extract.hub.due import DueConfigs
from extract.hub.errors import HubError, PassingError, Stopped
from extract.hub.hub import Answer, Hub
from extract.hub.records import Outcome
from extract.hub.state import State
from modelstrata.model_ids import is_model_id

#: Configs are a few kilobytes; the largest, with thousands of label names, some megabytes.
MAX_CONFIG_BYTES = 4_000_000
_LAND_EVERY = 500
#: Looking for retries that have come due may pass over all models of a wider, unfinished crawl.
_LOOK_S = 0.5
_ID = "[^/]+(?:/[^/]+)?"
_CONFIG_PATH = re.compile(
    rf"/(?:api/resolve-cache/models/(?P<cached>{_ID})/[0-9a-f]+|(?P<resolved>{_ID})/resolve/[^/]+)"
    r"/config\.json"
)
_GIT_SHA1 = re.compile(r'(?:W/)?"([0-9a-f]{40})"')


def config_path(model_id: str, sha: str) -> str:
    """Return the path that answers with a model's config.json at a commit in one request."""
    return f"/api/resolve-cache/models/{quote(model_id)}/{quote(sha, safe='')}/config.json"


def _renamed_id(hub: Hub, target: str, model_id: str) -> str | None:
    """Return the new id if a redirect's target is the same file of another model of the Hub."""
    found = _CONFIG_PATH.fullmatch(unquote(urlsplit(target).path)) if hub.is_own(target) else None
    new_id = found["cached"] or found["resolved"] if found else None
    return new_id if new_id and is_model_id(new_id) and new_id != model_id else None


def fetch_config(hub: Hub, model_id: str, sha: str) -> Outcome:
    """Ask once for a model's config and say what came of it.

    Raises:
        HubError: the crawl cannot go on.
    """
    outcome = Outcome(model_id, sha, "error")
    if not is_model_id(model_id):
        return replace(outcome, status="invalid_id")
    try:
        answer = hub.follow(
            config_path(model_id, sha),
            "resolvers",
            max_bytes=MAX_CONFIG_BYTES,
            is_end=lambda target: _renamed_id(hub, target, model_id) is not None,
        )
        if answer.target is not None:
            new_id = _renamed_id(hub, answer.target, model_id)
            status = "error" if new_id is None else "renamed"
            return replace(outcome, status=status, http_status=answer.status, renamed_to=new_id)
        return judge(outcome, answer)
    except PassingError as error:
        return replace(
            outcome,
            http_status=error.http_status,
            error_code=error.code,
            may_pass=True,
            retry_after_s=error.retry_after_s,
        )


def judge(outcome: Outcome, answer: Answer) -> Outcome:
    """Say what an answer, redirects followed, means for a config."""
    code = answer.error_code
    outcome = replace(outcome, http_status=answer.status, error_code=code)
    if answer.status in (401, 403) and code == "GatedRepo":
        return replace(outcome, status="gated")
    if answer.status == 404 or code in ("RepoNotFound", "RevisionNotFound", "EntryNotFound"):
        return replace(outcome, status="missing")
    if answer.status != 200:
        return replace(outcome, error_code=code or f"http_{answer.status}")
    etag = answer.headers.get("ETag")
    if answer.is_too_large:
        announced = answer.headers.get("Content-Length", "")
        size = int(announced) if announced.isdecimal() else None
        return replace(outcome, status="too_large", etag=etag, size=size)
    if answer.is_html:
        # No file of a repository is served as a page: somebody between here and there speaks.
        return replace(outcome, error_code="html", may_pass=True)
    body = answer.body
    found = replace(outcome, status="ok", etag=etag, size=len(body), body=body)
    try:
        text = body.decode()
    except UnicodeDecodeError:
        found = replace(found, status="not_json", error_code="invalid_utf8", is_text=False)
    else:
        if _is_json(text):
            return found
        found = replace(found, status="not_json", error_code="invalid_json")
    if _is_other_file(body, etag):
        return replace(outcome, error_code="cut_body", may_pass=True)
    return found


def _is_json(text: str) -> bool:
    try:
        json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return True


def _is_other_file(body: bytes, etag: str | None) -> bool:
    """Tell whether the ETag, git's hash of the file, is not that of these bytes."""
    stated = _GIT_SHA1.fullmatch(etag or "")
    blob = hashlib.sha1(b"blob %d\0" % len(body) + body, usedforsecurity=False)
    return stated is not None and stated[1] != blob.hexdigest()


def crawl_configs(
    hub: Hub,
    state: State,
    batches: Batches,
    configs: DueConfigs,
    threads: int,
    seed: int,
    after_config: Callable[[Outcome | None, bool], None],
) -> None:
    """Ask for the configs that are due, until none of them is left.

    Workers only ask; this thread alone writes, everything that has come by then in one transaction.

    Args:
        hub: whom to ask.
        state: where outcomes are kept.
        batches: lands what fills a batch.
        configs: what is due.
        threads: requests at the same time.
        seed: of the random part of waits.
        after_config: called with each outcome and whether it is the last for now, and with None
            while nothing comes.

    Raises:
        HubError: the crawl cannot go on.
    """
    rng = random.Random(seed)
    done: queue.SimpleQueue[Outcome | HubError] = queue.SimpleQueue()
    waiting: list[tuple[float, str, str]] = []
    after = (-1.0, "")
    under_way = since_landing = 0
    look_again_at = 0.0

    def work(model_id: str, sha: str) -> None:
        try:
            done.put(fetch_config(hub, model_id, sha))
        except HubError as error:
            done.put(error)
        except Exception as error:  # whatever one answer provokes must not end the crawl
            code = type(error).__name__
            done.put(Outcome(model_id, sha, "error", error_code=code, may_pass=True))

    with ThreadPoolExecutor(threads, thread_name_prefix="config") as pool:
        try:
            while True:
                if hub.stop.is_set():
                    raise Stopped
                if not waiting and under_way <= threads and time.time() >= look_again_at:
                    waiting = configs.take(after, time.time(), 500)[::-1]
                    after = waiting[0][:2] if waiting else after
                    look_again_at = 0.0 if waiting else time.time() + _LOOK_S
                while waiting and under_way < threads + threads // 4 + 1:
                    _, model_id, sha = waiting.pop()
                    pool.submit(work, model_id, sha)
                    under_way += 1
                if not under_way:
                    due = configs.next_due()
                    if due is None:
                        return
                    _sleep(hub, min(_LOOK_S, max(0.01, due - time.time())))
                    after_config(None, False)
                    continue
                taken = _take(done)
                under_way -= len(taken)
                kept = _keep(state, taken, rng)
                for item in taken:
                    if isinstance(item, HubError):
                        raise item
                for outcome, is_done in kept:
                    after_config(outcome, is_done)
                if not kept:
                    after_config(None, False)
                since_landing += len(kept)
                if since_landing >= _LAND_EVERY:
                    batches.land_full()
                    since_landing = 0
        except BaseException:
            hub.stop.set()
            pool.shutdown(cancel_futures=True)
            # What has come meanwhile was asked for and answered.
            _keep(state, [done.get() for _ in range(done.qsize())], rng)
            raise


def _take(done: "queue.SimpleQueue[Outcome | HubError]") -> list[Outcome | HubError]:
    """Return what has come, waiting for the first; nothing if it takes long."""
    try:
        taken = [done.get(timeout=0.5)]
    except queue.Empty:
        return []
    while not done.empty():
        taken.append(done.get())
    return taken


def _keep(
    state: State, taken: list[Outcome | HubError], rng: random.Random
) -> list[tuple[Outcome, bool]]:
    """Keep outcomes in one transaction; return each with whether it is the last for now."""
    outcomes = [item for item in taken if isinstance(item, Outcome)]
    if not outcomes:
        return []
    with state.transaction() as db:
        return [(outcome, state.add_outcome(db, outcome, rng)) for outcome in outcomes]


def _sleep(hub: Hub, seconds: float) -> None:
    if hub.stop.wait(seconds):
        raise Stopped
