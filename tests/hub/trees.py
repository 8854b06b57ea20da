"""What a commit holds and what names it: tree, paths-info, refs, commits, tags, branches."""

import base64
import hashlib
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.hub.encoding import iso, json_response
from tests.hub.errors import HubError, entry_not_found, revision_not_found
from tests.hub.generated import GeneratedModel
from tests.hub.listing import caller_of, decode_cursor, encode_cursor, kind_of
from tests.hub.repos import Blob, Commit, Repo
from tests.hub.state import State


class Trees:
    """Handlers of trees and refs."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of this concern."""
        repo = "/api/{kind:segment}/{id:repo}"
        tagged = f"{repo}/tag/{{name:segment}}"
        branch = f"{repo}/branch/{{name:segment}}"
        return [
            Route(f"{repo}/tree/{{revision:segment}}", self.tree),
            Route(f"{repo}/tree/{{revision:segment}}/{{path:file}}", self.tree),
            Route(f"{repo}/paths-info/{{revision:segment}}", self.paths_info, methods=["POST"]),
            Route(f"{repo}/refs", self.refs),
            Route(f"{repo}/commits/{{revision:segment}}", self.commits),
            Route(tagged, self.create_tag, methods=["POST"]),
            Route(tagged, self.delete_tag, methods=["DELETE"]),
            Route(branch, self.create_branch, methods=["POST"]),
            Route(branch, self.delete_branch, methods=["DELETE"]),
        ]

    def _repo(self, request: Request) -> Repo:
        account = caller_of(request).account
        found = self.state.readable(kind_of(request), request.path_params["id"], account)
        return found.to_repo() if isinstance(found, GeneratedModel) else found

    def _writable(self, request: Request) -> Repo:
        account = caller_of(request).account
        return self.state.writable(kind_of(request), request.path_params["id"], account)

    async def tree(self, request: Request) -> Response:
        """List the files and folders of a folder, 1,000 a page, 50 with `expand`."""
        commit = self._repo(request).commit_at(request.path_params["revision"])
        folder = request.path_params.get("path", "").strip("/")
        query = request.query_params
        recursive, expand = _is_true(query.get("recursive")), _is_true(query.get("expand"))
        entries = _entries(commit, folder, recursive=recursive, expand=expand)
        if folder and not entries:
            raise entry_not_found(commit.sha, f"{folder} does not exist on this revision")
        limit = min(int(query.get("limit", 1000)), 50 if expand else 1000)
        after = decode_cursor(query["cursor"]) if "cursor" in query else ""
        rest = [entry for entry in entries if entry["path"] > after]
        page, headers = rest[:limit], {}
        if len(rest) > limit:
            kept = [(k, v) for k, v in query.multi_items() if k != "cursor"]
            turned = urlencode([*kept, ("cursor", encode_cursor(page[-1]["path"]))])
            headers["Link"] = f'<{self.state.url}{request.scope["path"]}?{turned}>; rel="next"'
        return json_response(page, headers=headers)

    async def paths_info(self, request: Request) -> Response:
        """Describe the files and folders that are named, and leave out those that are not there."""
        commit = self._repo(request).commit_at(request.path_params["revision"])
        body = await request.body()
        if "json" in request.headers.get("content-type", ""):
            asked = orjson.loads(body)
            paths, expand = asked["paths"], bool(asked.get("expand"))
        else:
            form = parse_qs(body.decode())
            paths, expand = form.get("paths", []), _is_true(form.get("expand", [""])[0])
        every = {e["path"]: e for e in _entries(commit, "", recursive=True, expand=expand)}
        return json_response([every[path] for path in paths if path in every])

    async def refs(self, request: Request) -> Response:
        """List branches and tags."""
        repo = self._repo(request)
        body: dict[str, Any] = {
            "branches": _refs(repo.branches, "refs/heads"),
            "converts": [],
            "tags": _refs(repo.tags, "refs/tags"),
        }
        if "include_prs" in request.query_params:
            body["pullRequests"] = []
        return json_response(body)

    async def commits(self, request: Request) -> Response:
        """List the commits of a revision, newest first."""
        repo = self._repo(request)
        commit: Commit | None = repo.commit_at(request.path_params["revision"])
        chain = []
        while commit is not None:
            chain.append(
                {
                    "id": commit.sha,
                    "title": commit.title,
                    "message": commit.message,
                    "authors": [{"user": commit.author}],
                    "date": iso(commit.time),
                }
            )
            commit = repo.commits[commit.parent] if commit.parent else None
        return json_response(chain)

    async def create_tag(self, request: Request) -> Response:
        """Tag a revision; 409 if there is such a tag."""
        repo = self._writable(request)
        asked = orjson.loads(await request.body())
        commit = repo.commit_at(request.path_params["name"])
        with repo.lock:
            if asked["tag"] in repo.tags:
                raise HubError(409, f"Tag reference exists already: {asked['tag']}")
            repo.tags[asked["tag"]] = commit.sha
        return json_response({"name": asked["tag"], "message": asked.get("message", "")})

    async def delete_tag(self, request: Request) -> Response:
        """Remove a tag."""
        repo = self._writable(request)
        if repo.tags.pop(request.path_params["name"], None) is None:
            raise revision_not_found(request.path_params["name"])
        return json_response({})

    async def create_branch(self, request: Request) -> Response:
        """Start a branch at a revision; 409 if there is such a branch."""
        repo = self._writable(request)
        asked = orjson.loads(await request.body() or b"{}")
        commit = repo.commit_at(asked.get("startingPoint", "main"))
        name = request.path_params["name"]
        with repo.lock:
            if name in repo.branches:
                raise HubError(409, f"Reference already exists: {name}")
            repo.branches[name] = commit.sha
        return json_response({})

    async def delete_branch(self, request: Request) -> Response:
        """Remove a branch, never `main`."""
        repo = self._writable(request)
        name = request.path_params["name"]
        if name == "main":
            raise HubError(403, "Cannot delete refs/heads/main")
        if repo.branches.pop(name, None) is None:
            raise revision_not_found(name)
        return json_response({})


def _refs(names: Mapping[str, str], prefix: str) -> list[dict[str, str]]:
    return [
        {"name": name, "ref": f"{prefix}/{name}", "targetCommit": sha}
        for name, sha in sorted(names.items())
    ]


def _is_true(text: str | None) -> bool:
    return text in ("true", "True", "1")


def _entries(commit: Commit, folder: str, *, recursive: bool, expand: bool) -> list[dict[str, Any]]:
    """Return the entries below a folder, by path."""
    start = f"{folder}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    trees: dict[str, Any] = {}
    for path, blob in sorted(commit.files.items()):
        if not path.startswith(start):
            continue
        parts = path[len(start) :].split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            name = start + "/".join(parts[:depth])
            tree = trees.setdefault(name, hashlib.sha1(usedforsecurity=False))
            tree.update(f"{path}\0{blob.etag}\n".encode())
        if recursive or len(parts) == 1:
            entries[path] = _file_entry(blob)
    for name, tree in trees.items():
        entries[name] = {"type": "directory", "oid": tree.hexdigest(), "size": 0}
    last = {"id": commit.sha, "title": commit.title, "date": iso(commit.time)}
    extra = {"lastCommit": last} if expand else {}
    return [{"path": path, **entry, **extra} for path, entry in sorted(entries.items())]


def _file_entry(blob: Blob) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": blob.oid, "size": blob.size}
    if blob.lfs_oid is not None:
        pointer = len(blob.pointer)
        entry["lfs"] = {"oid": blob.lfs_oid, "size": blob.size, "pointerSize": pointer}
    return entry


def decoded(content: str, encoding: str) -> bytes:
    """Return the bytes of a file in a commit's ndjson."""
    return base64.b64decode(content) if encoding == "base64" else content.encode()
