"""Files: `/{id}/resolve/…`, the cache that it redirects to, and the other host with LFS objects."""

import re
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.hub.errors import HubError, entry_not_found, revision_not_found
from tests.hub.generated import GeneratedModel
from tests.hub.listing import caller_of, kind_of
from tests.hub.repos import Blob, Kind, Repo
from tests.hub.state import AnyModel, State

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_FULL_SHA = re.compile(r"[0-9a-f]{40}")


class Resolve:
    """Handlers of downloads."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of this concern."""
        cache = "/api/resolve-cache/{kind:segment}/{id:repo}/{sha:segment}/{path:file}"
        tail = "{id:repo}/resolve/{revision:segment}/{path:file}"
        return [
            Route(cache, self.cached),
            Route(f"/datasets/{tail}", self.dataset_file),
            Route(f"/{tail}", self.model_file),
        ]

    def other_routes(self) -> list[Route]:
        """Return the routes of the other host."""
        return [Route("/lfs/{oid:segment}", self.lfs_object)]

    async def model_file(self, request: Request) -> Response:
        """Redirect to a model's file."""
        return self._redirect(request, "model")

    async def dataset_file(self, request: Request) -> Response:
        """Redirect to a dataset's file."""
        return self._redirect(request, "dataset")

    async def cached(self, request: Request) -> Response:
        """Serve a file at a full commit sha."""
        kind, params = kind_of(request), request.path_params
        found = self.state.readable(kind, params["id"], caller_of(request).account, content=True)
        if not _FULL_SHA.fullmatch(params["sha"]):
            raise revision_not_found(params["sha"])
        sha, blob = file_of(found, params["sha"], params["path"])
        if params["path"] == "config.json":
            self.state.downloads[found.id] += 1
        if blob.lfs_oid is not None:
            return self._to_other_host(sha, blob)
        headers = {
            "X-Repo-Commit": sha,
            "Cache-Control": "public, max-age=31536000",
            "Content-Disposition": f'inline; filename="{quote(params["path"].split("/")[-1])}"',
        }
        return content_response(request, blob.content or b"", blob.etag, headers)

    def _redirect(self, request: Request, kind: Kind) -> Response:
        params = request.path_params
        found = self.state.readable(kind, params["id"], caller_of(request).account, content=True)
        sha, blob = file_of(found, params["revision"], params["path"])
        if blob.lfs_oid is not None:
            return self._to_other_host(sha, blob)
        origin = quote(request.scope["path"], safe="")
        cache = f"/api/resolve-cache/{kind}s/{found.id}/{sha}/{quote(params['path'])}"
        location = f"{cache}?{origin}=&etag=%22{blob.etag}%22"
        headers = {
            "Location": location,
            "X-Repo-Commit": sha,
            "X-Linked-Size": str(blob.size),
            "X-Linked-ETag": f'"{blob.etag}"',
            "Vary": "Origin, Accept",
        }
        return Response(f"Temporary Redirect. Redirecting to {location}", 307, headers)

    def _to_other_host(self, sha: str, blob: Blob) -> Response:
        headers = {
            "Location": f"{self.state.other_url}/lfs/{blob.lfs_oid}?Signature={sha[:16]}",
            "X-Repo-Commit": sha,
            "X-Linked-Size": str(blob.size),
            "X-Linked-ETag": f'"{blob.lfs_oid}"',
        }
        return Response("Found", 302, headers)

    async def lfs_object(self, request: Request) -> Response:
        """Serve an LFS object; like a storage service, only to those who bring no token."""
        if caller_of(request).authorization is not None:
            raise HubError(400, "Only one auth mechanism allowed")
        oid = request.path_params["oid"]
        content = self.state.lfs.get(oid)
        if content is None:
            raise HubError(403, "Access denied")
        return content_response(request, content, oid, {})


def file_of(found: AnyModel, revision: str, path: str) -> tuple[str, Blob]:
    """Return the commit's sha and the file that a revision and a path name.

    Raises:
        HubError: RevisionNotFound or EntryNotFound.
    """
    if isinstance(found, Repo):
        commit, blob = found.blob_at(revision, path)
        return commit.sha, blob
    return _generated_file(found, revision, path)


def _generated_file(model: GeneratedModel, revision: str, path: str) -> tuple[str, Blob]:
    # Without making a repo of it: this is what a crawl asks for, thousands of times a second.
    if revision not in ("main", model.sha):
        raise revision_not_found(revision)
    blob = model.blob(path)
    if blob is None:
        raise entry_not_found(model.sha)
    return model.sha, blob


def content_response(
    request: Request, content: bytes, etag: str, headers: dict[str, str]
) -> Response:
    """Return a file, a part of it for `Range`, or 304 for a matching `If-None-Match`."""
    headers = {**headers, "ETag": f'"{etag}"', "Accept-Ranges": "bytes"}
    known = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    if f'"{etag}"' in (tag.removeprefix("W/") for tag in known) or "*" in known:
        return Response(None, 304, headers)
    media = "text/plain; charset=utf-8"
    asked = _RANGE.fullmatch(request.headers.get("range", ""))
    if asked is None or asked[0] == "bytes=-":
        return Response(content, 200, headers, media)
    size = len(content)
    if asked[1] == "":
        start, end = max(0, size - int(asked[2])), size
    else:
        start, end = int(asked[1]), min(size, int(asked[2] or size) + 1)
    if start >= size:
        return Response(None, 416, {**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    return Response(content[start:end], 206, headers, media)
