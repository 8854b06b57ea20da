"""The listing: page by page, each page and the cursor behind it kept together."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlencode, urlsplit

from requests.utils import parse_header_links

from extract.hub.errors import HubError, PassingError, Refused, Stopped
from extract.hub.hub import Answer, Hub
from extract.hub.records import Crawl, Listed
from extract.hub.scope import EXPAND, Scope
from extract.hub.state import State
from modelstrata.model_ids import is_model_id

#: A page of a thousand models is some megabytes; repositories of thousands of files make it more.
_MAX_PAGE_BYTES = 256_000_000
#: Numbers that move daily, and a little with every config that is fetched: alone they are no change
#: of a model. They are cut out of the text, wherever they stand.
_COUNTS = re.compile(rb'"(?:downloads|downloadsAllTime|likes|trendingScore)"\s*:\s*-?[\d.]+')
_SPACE = re.compile(r"[ \t\r\n]*")
_SHA = re.compile(r"[0-9a-f]{40,64}")
Kept = TypeVar("Kept")
_decoder = json.JSONDecoder()


@dataclass(frozen=True)
class Page(Generic[Kept]):
    """A page of the listing, or another list of objects.

    Attributes:
        objects: what is kept of each object.
        next_path: path and query of the next page, or None.
    """

    objects: list[Kept]
    next_path: str | None


def split_objects(text: str) -> Iterator[tuple[str, Any]]:
    """Yield the text and the value of each element of a JSON list, one at a time.

    Raises:
        ValueError: the text is no JSON list.
    """
    position = _skip(text, 0)
    if text[position : position + 1] != "[":
        raise ValueError("not a JSON list")
    position = _skip(text, position + 1)
    if text[position : position + 1] == "]":
        return
    while True:
        value, end = _decoder.raw_decode(text, position)
        yield text[position:end], value
        position = _skip(text, end)
        mark = text[position : position + 1]
        if mark == "]":
            return
        if mark != ",":
            raise ValueError(f"no comma at {position}")
        position = _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def listed_model(text: str, value: Any) -> Listed:
    """Return what a crawl keeps of one object of the listing."""
    body = text.encode("utf-8", "surrogateescape")
    facts = hashlib.blake2b(_COUNTS.sub(b"", body), digest_size=16).digest()
    counts = hashlib.blake2b(b",".join(_COUNTS.findall(body)), digest_size=8).digest()
    fields = value if isinstance(value, dict) else {}
    model_id = fields.get("id") or fields.get("modelId")
    model_id = model_id if isinstance(model_id, str) else ""
    is_usable = is_model_id(model_id)
    is_text = text.isascii() or _is_unicode(text)
    status = "ok" if is_usable else "invalid_id"
    sha = fields.get("sha")
    return Listed(
        key=model_id if is_usable else f"!{facts.hex()}",
        model_id=model_id.encode("utf-8", "replace").decode(),
        sha=sha if isinstance(sha, str) and _SHA.fullmatch(sha) else None,
        facts=facts,
        counts=counts,
        pipeline_tag=_text(fields.get("pipeline_tag")),
        gated=str(fields.get("gated") or ""),
        has_config=is_usable and _has_config(fields),
        status=status if is_text else "invalid_utf8",
        body=body,
        is_text=is_text,
    )


def _text(value: Any) -> str | None:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _has_config(fields: dict[str, Any]) -> bool:
    """Tell whether the repository lists a config.json; without a list of files it may have one."""
    siblings = fields.get("siblings")
    if not isinstance(siblings, list):
        return True
    return any(isinstance(s, dict) and s.get("rfilename") == "config.json" for s in siblings)


def read_page(answer: Answer, keep: Callable[[str, Any], Kept]) -> Page[Kept]:
    """Read an answer of a listing.

    Args:
        answer: the answer.
        keep: says what to keep of an object's text and value, so that a page's values are never
            in memory together. Bytes that are no UTF-8 are surrogates in the text.

    Raises:
        PassingError: it is cut off, or no JSON list but a page for people.
        Refused: the Hub refuses the request.
        HubError: the page is too large.
    """
    if answer.status != 200:
        says = answer.headers.get("X-Error-Message") or answer.body[:200].decode("utf-8", "replace")
        says = " ".join(says.split())
        raise Refused(f"The Hub answers {answer.url} with {answer.status}: {says}", answer.status)
    if answer.is_too_large:
        raise HubError(f"{answer.url} gives more than {_MAX_PAGE_BYTES:,} bytes: use --page-size.")
    try:
        text = answer.body.decode("utf-8", "surrogateescape")
        objects = [keep(part, value) for part, value in split_objects(text)]
    except (ValueError, RecursionError) as error:
        raise PassingError("html" if answer.is_html else "not_json", answer.status) from error
    return Page(objects, next_path(answer))


def next_path(answer: Answer) -> str | None:
    """Return path and query of the next page, verbatim, or None.

    The host is left out: what a link says must not lead a crawl, or its token, elsewhere.
    """
    links = parse_header_links(answer.headers.get("Link", ""))
    urls = [link["url"] for link in links if link.get("rel") == "next"]
    if not urls:
        return None
    parts = urlsplit(urls[0])
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def get_page(hub: Hub, path: str, keep: Callable[[str, Any], Kept]) -> Page[Kept]:
    """Ask for a page of a listing until it comes whole, with growing waits between the tries.

    Args:
        hub: whom to ask.
        path: path and query of the page.
        keep: as in `read_page`.

    Raises:
        HubError: the Hub refuses the request, or gives no page in many tries.
        HubDown: it does not answer.
    """

    def ask() -> Page[Kept]:
        page = read_page(hub.get(path, "api", max_bytes=_MAX_PAGE_BYTES), keep)
        # A mirror's address may have a path of its own, which is not part of ours.
        below = urlsplit(hub.endpoint).path
        following = page.next_path.removeprefix(below) if page.next_path else None
        return Page(page.objects, following)

    return hub.insist(ask, "A page of the listing")


def first_path(scope: Scope, expand: tuple[str, ...] = EXPAND) -> str:
    """Return path and query of a scope's first page."""
    return f"/api/models?{urlencode(scope.query(expand))}"


def crawl_listing(
    hub: Hub,
    state: State,
    crawl: Crawl,
    scope: Scope,
    refresh_s: float,
    after_page: Callable[[Counter[str]], None],
) -> None:
    """List the models of a scope from where the crawl stands.

    While a page is taken in, the next one is under way.

    Args:
        hub: whom to ask.
        state: where pages and cursors are kept.
        crawl: the crawl that goes on.
        scope: what is listed.
        refresh_s: after how many seconds moved counts alone land again.
        after_page: called after each page with what of it lands, as `State.observe` names it.

    Raises:
        HubError: the Hub refuses, or does not answer.
    """

    def keep(text: str, value: Any) -> tuple[Listed, dict[str, Any]]:
        fields = value if isinstance(value, dict) else {}
        return listed_model(text, value), {n: fields.get(n) for n in ("lastModified", "downloads")}

    with ThreadPoolExecutor(1, thread_name_prefix="listing") as pool:
        path = crawl.next_path or first_path(scope)
        under_way = pool.submit(get_page, hub, path, keep)
        try:
            while True:
                try:
                    page = under_way.result()
                except Refused as error:
                    if crawl.next_path is None or error.http_status not in (400, 404, 410):
                        raise
                    # Cursors may expire while a crawl is stopped; what was seen stays seen.
                    state.restart_listing(crawl)
                    under_way = pool.submit(get_page, hub, first_path(scope), keep)
                    continue
                rest = None if scope.limit is None else scope.limit - crawl.models
                within = [listed for listed, bounds in page.objects if scope.holds(bounds)][:rest]
                is_end = scope.is_passed([bounds for _, bounds in page.objects])
                is_end = is_end or (rest is not None and len(within) >= rest)
                following = None if is_end else page.next_path
                if following is not None and following == crawl.next_path:
                    raise HubError("The Hub's next page is the same page again: try again later.")
                if following is not None:
                    under_way = pool.submit(get_page, hub, following, keep)
                after_page(state.add_page(crawl, within, following, refresh_s))
                if following is None:
                    return
                if hub.stop.is_set():
                    raise Stopped
        except BaseException:
            # The page under way may be waiting for its turn, minutes long.
            hub.stop.set()
            raise
