"""Git LFS: the batch call, PUT of whole objects and of parts, completion, verification."""

import hashlib
import uuid
from math import ceil
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.hub.encoding import json_response
from tests.hub.errors import HubError
from tests.hub.listing import caller_of
from tests.hub.repos import Kind
from tests.hub.state import State


class Lfs:
    """Handlers of LFS uploads. Objects go to the other host, as to a storage service."""

    def __init__(self, state: State) -> None:
        self.state = state

    def routes(self) -> list[Route]:
        """Return the routes of the Hub's host."""
        return [
            *self._repo_routes("/datasets/{id:repo}.git/info/lfs/objects", "dataset"),
            *self._repo_routes("/{id:repo}.git/info/lfs/objects", "model"),
            Route("/api/complete_multipart", self.complete, methods=["POST"]),
        ]

    def _repo_routes(self, prefix: str, kind: Kind) -> list[Route]:
        async def batch(request: Request) -> Response:
            return await self._batch(request, kind, prefix.replace("{id:repo}", "{}"))

        async def verify(request: Request) -> Response:
            return await self._verify(request, kind)

        return [
            Route(f"{prefix}/batch", batch, methods=["POST"]),
            Route(f"{prefix}/verify", verify, methods=["POST"]),
        ]

    def other_routes(self) -> list[Route]:
        """Return the routes of the other host."""
        return [
            Route("/upload/{oid:segment}", self.put, methods=["PUT"]),
            Route("/upload/{upload:segment}/{part:int}", self.put_part, methods=["PUT"]),
        ]

    async def _batch(self, request: Request, kind: Kind, prefix: str) -> Response:
        repo_id = request.path_params["id"]
        self.state.writable(kind, repo_id, caller_of(request).account)
        asked = orjson.loads(await request.body())
        verify = self.state.url + prefix.format(repo_id) + "/verify"
        multipart = "multipart" in asked.get("transfers", [])
        objects = [self._action(wanted, verify, multipart) for wanted in asked["objects"]]
        big = any(
            "chunk_size" in o.get("actions", {}).get("upload", {}).get("header", {})
            for o in objects
        )
        return json_response({"transfer": "multipart" if big else "basic", "objects": objects})

    def _action(self, wanted: dict[str, Any], verify: str, multipart: bool) -> dict[str, Any]:
        """Return what to do with one object: nothing, if it is there already."""
        oid, size = wanted["oid"], wanted["size"]
        if oid in self.state.lfs:
            return {"oid": oid, "size": size}
        upload: dict[str, Any] = {"href": f"{self.state.other_url}/upload/{oid}?Signature=put"}
        if multipart and size > self.state.multipart_threshold:
            identity, part = uuid.uuid4().hex, self.state.part_size
            self.state.uploads[identity] = {}
            parts = {
                f"{number:05d}": f"{self.state.other_url}/upload/{identity}/{number}?Signature=part"
                for number in range(1, ceil(size / part) + 1)
            }
            upload = {
                "href": f"{self.state.url}/api/complete_multipart?uploadId={identity}",
                "header": {"chunk_size": str(part), **parts},
            }
        return {
            "oid": oid,
            "size": size,
            "authenticated": True,
            "actions": {"upload": upload, "verify": {"href": verify}},
        }

    async def put(self, request: Request) -> Response:
        """Take a whole object."""
        content = await self._content(request)
        self._store(request.path_params["oid"], content)
        return Response(None, 200, {"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    async def put_part(self, request: Request) -> Response:
        """Take a part of an object."""
        upload = self.state.uploads.get(request.path_params["upload"])
        if upload is None:
            raise HubError(404, "No such upload")
        content = await self._content(request)
        upload[request.path_params["part"]] = content
        return Response(None, 200, {"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    async def complete(self, request: Request) -> Response:
        """Join the parts of an object, if each is the one that its etag names."""
        identity = request.query_params.get("uploadId", "")
        upload = self.state.uploads.get(identity)
        if upload is None:
            raise HubError(404, "No such upload")
        asked = orjson.loads(await request.body())
        parts = {part["partNumber"]: part["etag"] for part in asked["parts"]}
        found = {n: f'"{hashlib.md5(data).hexdigest()}"' for n, data in upload.items()}
        if parts != found:
            raise HubError(400, "One or more of the specified parts could not be found")
        self._store(asked["oid"], b"".join(data for _, data in sorted(upload.items())))
        del self.state.uploads[identity]
        return json_response({"success": True})

    async def _verify(self, request: Request, kind: Kind) -> Response:
        self.state.writable(kind, request.path_params["id"], caller_of(request).account)
        asked = orjson.loads(await request.body())
        content = self.state.lfs.get(asked["oid"])
        if content is None or len(content) != asked["size"]:
            raise HubError(404, f"No LFS object {asked['oid']} of {asked['size']} bytes")
        return json_response({"success": True})

    async def _content(self, request: Request) -> bytes:
        if caller_of(request).authorization is not None:
            raise HubError(400, "Only one auth mechanism allowed")
        return await request.body()

    def _store(self, oid: str, content: bytes) -> None:
        found = hashlib.sha256(content).hexdigest()
        if found != oid:
            raise HubError(400, f"The object's SHA-256 is {found}, not {oid}")
        self.state.lfs[oid] = content
