"""Servers that a user starts with a command, and what they answer."""

import json
import os
import re
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.builds import ROOT, environment

DAGSTER = r"Serving dagster-webserver on (http://127\.0\.0\.1:\d+)"


@contextmanager
def served(command: list[str], says: str, data: Path, **extra: str) -> Iterator[str]:
    """Run a server on a data folder, give the address that it `says`, and end all of it."""
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(data, **extra),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        yield next(match[1] for line in process.stdout if (match := re.search(says, line)))
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answer(request: urllib.request.Request | str) -> bytes:
    """Return what a server answers; it says that it serves a moment before it listens."""
    last = time.monotonic() + 60
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    while True:
        try:
            with browser.open(request, timeout=60) as response:
                return response.read()
        except urllib.error.URLError:
            if time.monotonic() > last:
                raise
            time.sleep(0.5)


def ask(page: str, query: str, **variables: Any) -> dict[str, Any]:
    """Return what Dagster's page answers to a query, as the page itself asks it."""
    request = urllib.request.Request(
        f"{page}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    answered = json.loads(answer(request))
    assert "errors" not in answered, answered["errors"]
    return answered["data"]
