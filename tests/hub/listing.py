"""`/api/models`, `/api/datasets`: pages, filters, sort keys, and the fields asked for."""

import base64
import heapq
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import numpy as np
import orjson
import yaml
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.hub.draws import SORT_KEYS
from tests.hub.encoding import from_iso, iso, json_response
from tests.hub.errors import HubError
from tests.hub.gate import Caller
from tests.hub.generated import GeneratedModel, config_projection, object_id
from tests.hub.repos import Commit, Kind, Repo
from tests.hub.state import Account, AnyModel, State

MAX_PAGE = 1000


def _names(*lines: str) -> list[str]:
    return [name for line in lines for name in line.split()]


#: What `expand` may ask for; the names are `ExpandModelProperty_T` of huggingface_hub 2.4.0.
MODEL_FIELDS = frozenset(
    _names(
        "author baseModels cardData childrenModelCount config createdAt disabled downloads",
        "downloadsAllTime evalResults gated gguf inference inferenceProviderMapping lastModified",
        "library_name likes mask_token model-index pipeline_tag private resourceGroup safetensors",
        "sha siblings spaces tags transformersInfo trendingScore usedStorage widgetData",
    )
)
#: The same of datasets, `ExpandDatasetProperty_T`.
DATASET_FIELDS = frozenset(
    _names(
        "author cardData citation createdAt description disabled downloads downloadsAllTime gated",
        "lastModified likes mainSize paperswithcode_id private resourceGroup sha siblings tags",
        "trendingScore usedStorage",
    )
)
_BRIEF = _names("createdAt downloads library_name likes pipeline_tag private tags trendingScore")
_FULL = _names("author disabled gated lastModified sha siblings")
_INFO = (*_BRIEF, *_FULL, "cardData", "config", "gguf", "model-index", "safetensors", "description")


def repo_field(repo: Repo, name: str, commit: Commit) -> Any:
    """Return a field of the API of a repo, from what was set for it or from its files."""
    if name in repo.info:
        return repo.info[name]
    derive = _DERIVED.get(name)
    return None if derive is None else derive(repo, commit)


def _config(repo: Repo, commit: Commit) -> dict[str, Any] | None:
    blob = commit.files.get("config.json")
    if blob is None or blob.content is None:
        return None
    try:
        config = orjson.loads(blob.content)
    except orjson.JSONDecodeError:
        return None
    return config_projection(config) if isinstance(config, dict) else None


def _card_data(repo: Repo, commit: Commit) -> dict[str, Any] | None:
    blob = commit.files.get("README.md")
    if blob is None or blob.content is None:
        return None
    parts = blob.content.decode("utf-8", "replace").split("---\n", 2)
    if len(parts) < 3 or parts[0].strip():
        return None
    try:
        card = yaml.safe_load(parts[1])
    except yaml.YAMLError:
        return None
    return card if isinstance(card, dict) else None


def _eval_results(repo: Repo, commit: Commit) -> list[dict[str, Any]] | None:
    results: list[dict[str, Any]] = []
    for path, blob in commit.files.items():
        if path.startswith(".eval_results/") and path.endswith(".yaml"):
            try:
                entries = yaml.safe_load(blob.content or b"")
            except yaml.YAMLError as error:
                results.append({"filename": path, "error": str(error).splitlines()[0]})
                continue
            results += [{"filename": path, "verified": False, "data": e} for e in entries or []]
    return results or None


_DERIVED: dict[str, Callable[[Repo, Commit], Any]] = {
    "author": lambda repo, commit: repo.id.split("/")[0] if "/" in repo.id else None,
    "sha": lambda repo, commit: commit.sha,
    "lastModified": lambda repo, commit: iso(commit.time),
    "private": lambda repo, commit: repo.private,
    "gated": lambda repo, commit: repo.gated,
    "disabled": lambda repo, commit: repo.disabled,
    "siblings": lambda repo, commit: [{"rfilename": path} for path in sorted(commit.files)],
    "usedStorage": lambda repo, commit: sum(blob.size for blob in commit.files.values()),
    "config": _config,
    "cardData": _card_data,
    "evalResults": _eval_results,
    "model-index": lambda repo, commit: (_card_data(repo, commit) or {}).get("model-index"),
}


def described(
    state: State, found: AnyModel, names: Any, commit: Commit | None = None
) -> dict[str, Any]:
    """Return the API's object of a repo with the named fields; those it lacks are left out."""
    described: dict[str, Any] = {"_id": object_id(found.id), "id": found.id}
    if isinstance(found, Repo):
        at = commit or found.head
        values = ((name, repo_field(found, name, at)) for name in names)
    else:
        values = ((name, found.field(name)) for name in names)
    described |= {name: value for name, value in values if value is not None}
    counted = state.downloads.get(found.id, 0)
    if counted:
        for name in ("downloads", "downloadsAllTime"):
            if name in described:
                described[name] += counted
    return described


class Listing:
    """Handlers of listings and of one repo's description."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of this concern; the most specific come first."""
        return [
            Route("/api/models", self.models),
            Route("/api/datasets", self.datasets),
            Route("/api/{kind:segment}/{id:repo}/revision/{revision:segment}", self.info),
            Route("/api/{kind:segment}/{id:repo}", self.info),
        ]

    async def models(self, request: Request) -> Response:
        """List models."""
        return self._page(request, "model", MODEL_FIELDS)

    async def datasets(self, request: Request) -> Response:
        """List datasets."""
        return self._page(request, "dataset", DATASET_FIELDS)

    async def info(self, request: Request) -> Response:
        """Describe one repo, at a revision if asked."""
        kind = kind_of(request)
        account = caller_of(request).account
        found = self.state.readable(kind, request.path_params["id"], account)
        query = request.query_params
        revision = request.path_params.get("revision", "main")
        if isinstance(found, GeneratedModel) and ("blobs" in query or revision != "main"):
            found = found.to_repo()
        commit = found.commit_at(revision) if isinstance(found, Repo) else None
        allowed = MODEL_FIELDS if kind == "model" else DATASET_FIELDS
        names = _expanded(query, allowed) or [name for name in _INFO if name in allowed]
        body = described(self.state, found, names, commit)
        if "expand" not in query:
            body |= {"modelId": found.id} if kind == "model" else {}
        if query.get("blobs") in ("true", "True", "1") and commit is not None:
            body["siblings"] = [_sibling(path, commit) for path in sorted(commit.files)]
        return json_response(body)

    def _page(self, request: Request, kind: Kind, allowed: frozenset[str]) -> Response:
        query = request.query_params
        names = _expanded(query, allowed)
        brief = not names
        if brief:
            names = [name for name in _BRIEF if name in allowed]
            names += _FULL if _true(query, "full") else []
            names += ["config"] if _true(query, "config") and kind == "model" else []
            names += ["cardData"] if _true(query, "cardData") or _true(query, "full") else []
        key = query.get("sort", "trendingScore")
        if key not in SORT_KEYS:
            raise HubError(400, f"Invalid sort parameter: {key}")
        limit = min(MAX_PAGE, _positive(query.get("limit", str(MAX_PAGE))))
        after = decode_cursor(query["cursor"]) if "cursor" in query else None
        wanted = _predicate(query)
        account = caller_of(request).account
        page: list[dict[str, Any]] = []
        last: tuple[int, int] | None = None
        for place, found in self._ordered(kind, key, after):
            if not (wanted(found) and _visible(found, account)):
                continue
            if len(page) == limit:
                return json_response(page, headers={"Link": self._next(request, last)})
            body = described(self.state, found, names)
            page.append({**body, "modelId": found.id} if brief and kind == "model" else body)
            last = place
        return json_response(page)

    def _next(self, request: Request, last: tuple[int, int] | None) -> str:
        kept = [(k, v) for k, v in request.query_params.multi_items() if k != "cursor"]
        query = urlencode([*kept, ("cursor", encode_cursor(last))])
        return f'<{self.state.url}{request.scope["path"]}?{query}>; rel="next"'

    def _ordered(
        self, kind: Kind, key: str, after: tuple[int, int] | None
    ) -> Iterator[tuple[tuple[int, int], AnyModel]]:
        """Yield repos by descending key from behind a place on, each with its place.

        A place is (negated key, ordinal). What is added, removed or changed between two pages
        moves nothing else: a page begins behind the last place of the one before, as on the Hub.
        """
        own = sorted(
            (
                ((-_sort_key(repo, key), repo.ordinal), repo)
                for repo in list(self.state.repos.values())
                if repo.kind == kind
            ),
            key=lambda item: item[0],
        )
        streams: list[Iterator[tuple[tuple[int, int], AnyModel]]] = [
            (item for item in own if after is None or item[0] > after)
        ]
        if kind == "model":
            streams.append(self._generated(key, after))
        return heapq.merge(*streams, key=lambda item: item[0])

    def _generated(
        self, key: str, after: tuple[int, int] | None
    ) -> Iterator[tuple[tuple[int, int], AnyModel]]:
        generated, taken = self.state.generated, self.state.taken
        keys, order = generated.order(key)
        start = 0
        if after is not None:
            low = int(np.searchsorted(keys, after[0], "left"))
            high = int(np.searchsorted(keys, after[0], "right"))
            start = low + int(np.searchsorted(order[low:high], after[1], "right"))
        for position in range(start, generated.count):
            index = int(order[position])
            if index not in taken:
                yield (int(keys[position]), index), generated[index]


def caller_of(request: Request) -> Caller:
    """Return who asks."""
    return request.scope["state"]["caller"]


def kind_of(request: Request) -> Kind:
    """Return the kind of repo that a path's plural names.

    Raises:
        HubError: 404, it is neither `models` nor `datasets`.
    """
    kinds: dict[str, Kind] = {"models": "model", "datasets": "dataset"}
    kind = kinds.get(request.path_params["kind"])
    if kind is None:
        raise HubError(404, "Sorry, we can't find the page you are looking for.")
    return kind


def encode_cursor(place: Any) -> str:
    """Return an opaque cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode()


def decode_cursor(cursor: str) -> Any:
    """Return what a cursor holds.

    Raises:
        HubError: 400, it is no cursor of this server.
    """
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor))
        return tuple(place) if isinstance(place, list) else place
    except ValueError as error:
        raise HubError(400, "Invalid cursor") from error


def _expanded(query: QueryParams, allowed: frozenset[str]) -> list[str]:
    names = [*query.getlist("expand"), *query.getlist("expand[]")]
    for name in names:
        if name not in allowed:
            options = "|".join(f'"{option}"' for option in sorted(allowed))
            raise HubError(400, f"Invalid option: expected one of {options} at expand")
    return list(dict.fromkeys(names))


def _true(query: QueryParams, name: str) -> bool:
    return query.get(name) in ("true", "True", "1")


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise HubError(400, f"Invalid limit: {text}")
    return int(text)


def _visible(found: AnyModel, account: Account | None) -> bool:
    if isinstance(found, GeneratedModel) or not found.private:
        return True
    return account is not None and found.id.split("/")[0] in (account.name, *account.orgs)


def _sort_key(repo: Repo, key: str) -> int:
    value = repo_field(repo, key, repo.head)
    return from_iso(value) if isinstance(value, str) else int(value or 0)


def _value(found: AnyModel, name: str) -> Any:
    if isinstance(found, Repo):
        return repo_field(found, name, found.head)
    return found.field(name)


def _predicate(query: QueryParams) -> Callable[[AnyModel], bool]:
    """Return what the query's filters say of a repo."""
    tests: list[Callable[[AnyModel], bool]] = []
    if author := query.get("author"):
        tests.append(lambda found: found.id.startswith(f"{author}/"))
    searched = [text.lower() for text in query.getlist("search")]
    tests.append(lambda found: all(text in found.id.lower() for text in searched))
    if tag := query.get("pipeline_tag"):
        tests.append(lambda found: _value(found, "pipeline_tag") == tag)
    if gated := query.get("gated"):
        expected = gated in ("true", "True", "1")
        tests.append(lambda found: bool(found.gated) == expected)
    tags = {tag for text in query.getlist("filter") for tag in text.split(",")}
    if tags:
        tests.append(lambda found: tags <= {*(_value(found, "tags") or ()), _pipeline(found)})
    return lambda found: all(test(found) for test in tests)


def _pipeline(found: AnyModel) -> str:
    return _value(found, "pipeline_tag") or ""


def _sibling(path: str, commit: Commit) -> dict[str, Any]:
    blob = commit.files[path]
    sibling: dict[str, Any] = {"rfilename": path, "size": blob.size, "blobId": blob.oid}
    if blob.lfs_oid is not None:
        size = len(blob.pointer)
        sibling["lfs"] = {"sha256": blob.lfs_oid, "size": blob.size, "pointerSize": size}
    return sibling
