"""What every request passes on its way in: log, faults, credentials, rate limit."""

import asyncio
import email.utils
import logging
import re
import time
import uuid
from dataclasses import dataclass
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.hub.encoding import json_response
from tests.hub.errors import HubError, Moved, invalid_credentials
from tests.hub.faults import Fault
from tests.hub.limits import Verdict, bucket_of
from tests.hub.repos import Kind
from tests.hub.state import Account, State

_REPO = re.compile(
    r"^/(?:api/(?P<api>models|datasets)/(?P<a>[^/]+(?:/[^/]+)?)"
    r"|api/resolve-cache/(?P<cache>models|datasets)/(?P<b>.+)/[0-9a-f]{40}/.*"
    r"|(?P<prefix>datasets/)?(?P<c>[^/]+(?:/[^/]+)?)/resolve/.*)"
)
_SUBPATHS = {"tree", "paths-info", "preupload", "commit", "commits", "refs", "tag", "revision"}


_log = logging.getLogger(__name__)


class Broken(Exception):
    """The connection is closed here; the server is to blame and nobody answers."""


@dataclass(frozen=True)
class Caller:
    """Who asks: an account, or nobody, and what their headers promise."""

    account: Account | None
    authorization: str | None


class Gate:
    """The outermost ASGI application of the Hub, and of the other host beside it."""

    def __init__(self, app: ASGIApp, state: State, host: str, *, limited: bool) -> None:
        self.app = app
        self.state = state
        self.host = host
        self.limited = limited

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        # The path stays encoded, so that an encoded slash in a revision does not end a segment.
        scope["path"] = path = scope["raw_path"].decode("latin-1").split("?")[0]
        if path.startswith("/_"):
            await self.app(scope, receive, send)
            return
        state, headers = self.state, Headers(scope=scope)
        authorization = headers.get("authorization")
        account = state.account_of(authorization)
        scope["state"] = {"caller": Caller(account, authorization)}
        query = scope["query_string"].decode("latin-1")
        seen = state.seen(
            host=self.host,
            method=scope["method"],
            path=path,
            query=query,
            bucket=bucket_of(path),
            authorization=authorization,
            authorised=account is not None,
            user_agent=headers.get("user-agent"),
        )
        target = f"{path}?{query}" if query else path
        asked = (self.host, scope["method"], target, state.random)
        faults = [fault for fault in list(state.faults) if fault.fires(*asked)]
        seen.fault = "+".join(f.kind for f in faults) or None
        verdict = None
        if self.limited:
            asker = account.name if account else (scope["client"] or ("nobody",))[0]
            tier = account.tier if account else "anonymous"
            verdict = state.limits.admit(asker, tier, seen.bucket)
        dated = _dated(send, faults, verdict)

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen.status = message["status"]
            await dated(message)

        if verdict is not None and not verdict.permitted:
            await self._refuse(verdict)(scope, receive, logged)
            return
        try:
            await self._pass(scope, receive, logged, faults, target)
        except Broken:
            # What has been written still goes out; nothing, where nothing was.
            scope["hub.transport"].close()

    def _refuse(self, verdict: Verdict) -> Response:
        message = (
            f"We had to rate limit you, you hit the quota of {verdict.limit} {verdict.bucket} "
            f"requests per {verdict.window} seconds period."
        )
        headers = {"Retry-After": str(verdict.reset)} if self.state.limits.retry_after else {}
        return json_response({"error": message}, 429, headers)

    async def _pass(
        self, scope: Scope, receive: Receive, send: Send, faults: list[Fault], target: str
    ) -> None:
        for fault in faults:
            if fault.kind in ("remove", "change"):
                self._alter(fault, scope["path"])
            elif fault.kind == "slow":
                await self._wait(fault.seconds, scope)
            elif fault.kind == "silent":
                await self._wait(float("inf"), scope)
                raise Broken
            elif fault.kind == "drop":
                raise Broken
            elif fault.kind == "cut":
                send = _cut(send)
            elif fault.kind == "trickle":
                send = self._trickle(send, fault, scope)
            elif fault.kind == "content_length":
                send = _wrong_length(send, fault.delta)
            elif (response := self._instead(fault, target)) is not None:
                await response(scope, receive, send)
                return
        caller: Caller = scope["state"]["caller"]
        try:
            if self.limited and caller.authorization is not None and caller.account is None:
                raise invalid_credentials()
            await self.app(scope, receive, send)
        except Broken:
            raise
        except HubError as error:
            await error.response()(scope, receive, send)
        except Moved as moved:
            location = target.replace(moved.old, moved.new, 1)
            text = f"Temporary Redirect. Redirecting to {location}"
            await Response(text, 307, {"Location": location})(scope, receive, send)
        except Exception:
            _log.exception("%s %s", scope["method"], target)
            await json_response({"error": "Internal Error"}, 500)(scope, receive, send)

    async def _wait(self, seconds: float, scope: Scope) -> None:
        end = time.monotonic() + seconds
        gone = scope["hub.transport"].is_closing
        while time.monotonic() < end and not self.state.closing and not gone():
            await asyncio.sleep(min(0.05, max(0, end - time.monotonic())))

    def _trickle(self, send: Send, fault: Fault, scope: Scope) -> Send:
        """Send the body in ten pieces, with a pause before each."""

        async def wrapped(message: Message) -> None:
            body = message.get("body", b"")
            step = max(1, -(-len(body) // 10))
            for start in range(0, len(body), step):
                await self._wait(fault.seconds, scope)
                piece = body[start : start + step]
                more = start + step < len(body)
                await send({**message, "body": piece, "more_body": more})
            if not body:
                await send(message)

        return wrapped

    def _instead(self, fault: Fault, target: str) -> Response | None:
        if fault.kind == "status":
            if fault.body is not None:
                return Response(fault.body, fault.status, fault.headers, "text/plain")
            error = {"error": f"Fault {fault.status} on demand"}
            return json_response(error, fault.status, fault.headers)
        if fault.kind == "invalid_json":
            return Response(b'[{"id": "lab-1/broken", "sha": ', 200, media_type="application/json")
        if fault.kind == "html":
            page = "<!doctype html><html><title>Maintenance</title><h1>Back soon</h1></html>"
            return Response(page, 200, media_type="text/html")
        if fault.kind == "huge":
            start, end = b'{"model_type": "llama", "padding": "', b'"}'
            body = start + b"x" * (fault.size - len(start) - len(end)) + end
            return Response(body, 200, media_type="application/json")
        if fault.kind == "redirect":
            location = fault.location or self.state.other_url + target
            return Response(None, fault.status, {"Location": location})
        return None

    def _alter(self, fault: Fault, path: str) -> None:
        found = _REPO.match(path)
        if found is None:
            return
        kind: Kind = "dataset" if "datasets" in path.split("/")[1:4] else "model"
        repo_id = unquote(found["a"] or found["b"] or found["c"])
        head, _, tail = repo_id.partition("/")
        if tail in _SUBPATHS:
            repo_id = head
        if self.state.find(kind, repo_id) is None:
            return
        if fault.kind == "remove":
            self.state.remove(kind, repo_id)
            return
        repo = self.state.own(kind, repo_id)
        files = {**repo.head.files, "change.txt": self.state.blob("change.txt", uuid.uuid4().bytes)}
        repo.commit(files, title="Change on demand")


def _dated(send: Send, faults: list[Fault], verdict: Verdict | None) -> Send:
    """Add the headers that every answer carries."""
    skews = [fault for fault in faults if fault.kind == "skew"]
    date = email.utils.formatdate(time.time() + sum(s.seconds for s in skews), usegmt=True)
    limits = verdict.headers(sum(s.reset_seconds for s in skews)) if verdict else {}

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Date"] = date
            headers["X-Request-Id"] = f"Root=1-{uuid.uuid4().hex}"
            for name, value in limits.items():
                headers[name] = value
        await send(message)

    return wrapped


def _cut(send: Send) -> Send:
    """Close the connection after the first half of the body."""

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.body":
            body = message.get("body", b"")
            if len(body) < 2:
                raise Broken
            await send({**message, "body": body[: len(body) // 2], "more_body": True})
            raise Broken
        await send(message)

    return wrapped


def _wrong_length(send: Send, delta: int) -> Send:
    """Announce more bytes than come, or leave bytes out and announce what is left."""
    start: list[Message] = []

    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.append(message)
            return
        body = message.get("body", b"")
        headers = MutableHeaders(scope=start[0])
        headers["Content-Length"] = str(max(0, len(body) + delta))
        await send(start[0])
        kept = body[:delta] if delta < 0 else body
        await send({**message, "body": kept, "more_body": delta > 0})
        if delta > 0:
            raise Broken

    return wrapped
