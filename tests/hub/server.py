"""Starts and ends the Hub: in a thread of the test, or in a process of its own."""

import asyncio
import functools
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import requests
import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tests.hub.app import hub_app, other_app
from tests.hub.control import Control, pack, unpack
from tests.hub.limits import Bucket, Limits
from tests.hub.state import State

#: The user that every server knows, with an organisation of its own.
USER, TOKEN, ORG = "tester", "hf_tester", "acme"


class _Protocol(HttpToolsProtocol):
    """Hands the transport to the application, which may close it without an answer."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["hub.transport"] = self.transport  # type: ignore[typeddict-unknown-key]


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


class HubServer(Control):
    """A Hub on a free port of 127.0.0.1, in a thread; the other host has a port of its own.

    Attributes:
        url: the endpoint, for `HfApi(endpoint=…)` and `HF_ENDPOINT`.
        other_url: the other host, which stores LFS objects.
        token: the token of the user `tester`, who may write to `tester` and `acme`.
    """

    def __init__(
        self,
        models: int = 0,
        *,
        seed: int = 0,
        port: int = 0,
        tier: str = "enterprise",
        window: float = 300,
        limits: Mapping[Bucket, int] | None = None,
        retry_after: bool = False,
        faults: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(State(models, seed, Limits(window, limits or {}, retry_after)))
        self.token = TOKEN
        self.add_account(USER, TOKEN, tier=tier, orgs=(ORG,))
        for fault in faults:
            self.add_fault(**fault)
        self._sockets = (_listen(port), _listen(0))
        self.url, self.other_url = (
            f"http://127.0.0.1:{listener.getsockname()[1]}" for listener in self._sockets
        )
        self.state.url, self.state.other_url = self.url, self.other_url
        self._servers = [
            uvicorn.Server(
                uvicorn.Config(
                    app,
                    http=_Protocol,
                    lifespan="off",
                    log_config=None,
                    log_level="critical",
                    access_log=False,
                    date_header=False,
                    server_header=False,
                    timeout_keep_alive=60,
                    timeout_graceful_shutdown=1,
                )
            )
            for app in (hub_app(self.state), other_app(self.state))
        ]
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)

    def _run(self) -> None:
        async def serve() -> None:
            pairs = zip(self._servers, self._sockets, strict=True)
            await asyncio.gather(*(server.serve([listener]) for server, listener in pairs))

        with asyncio.Runner(loop_factory=self._servers[0].config.get_loop_factory()) as runner:
            runner.run(serve())

    def start(self) -> Self:
        """Start serving."""
        self._thread.start()
        while not all(server.started for server in self._servers):
            if not self._thread.is_alive():
                raise RuntimeError("The Hub did not start.")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """End every connection and the thread."""
        self.state.closing = True
        for server in self._servers:
            server.should_exit = True
        self._thread.join(timeout=10)
        for listener in self._sockets:
            listener.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


class HubProcess:
    """A Hub in a child process, with the methods of `Control`; it takes no time from the test's.

    The arguments are those of `HubServer`.
    """

    token = TOKEN

    def __init__(self, models: int = 0, **options: Any) -> None:
        self._arguments = {"models": models, **options}

    def __enter__(self) -> Self:
        program = (
            "import json, sys; from tests.hub.server import serve_child; "
            "serve_child(json.loads(sys.argv[1]))"
        )
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, json.dumps(self._arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            start_new_session=True,  # Ctrl-C is the test's; the child ends with its input
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("The Hub's process did not start.")
        self.url, self.other_url = json.loads(line)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # The child ends when its input does, so also when the test is killed.
        try:
            self._process.communicate(timeout=10)
        finally:
            self._process.kill()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return functools.partial(self._call, name)

    def _call(self, name: str, *args: Any, **kwargs: Any) -> Any:
        body = pack({"args": args, "kwargs": kwargs})
        answer = requests.post(f"{self.url}/_call/{name}", data=body, timeout=30)
        result = unpack(answer.content)
        if answer.status_code != 200:
            raise RuntimeError(result["error"])
        return result


def serve_child(arguments: dict[str, Any]) -> None:
    """Serve until the standard input ends."""
    with HubServer(**arguments) as hub:
        print(json.dumps([hub.url, hub.other_url]), flush=True)
        sys.stdin.read()
