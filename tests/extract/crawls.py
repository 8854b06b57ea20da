"""Crawls as a user starts them, and what they landed."""

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from extract.hub.__main__ import main
from tests.hub.server import HubProcess, HubServer

AnyHub = HubServer | HubProcess
#: Columns that differ from crawl to crawl, whatever the Hub says.
PASSING = ("crawled_at", "fetched_at", "batch")


def environment(hub: AnyHub, data: Path, token: str | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    kept |= {"HF_ENDPOINT": hub.url, "MODELSTRATA_DATA": str(data)}
    return kept | ({"HF_TOKEN": token} if token else {})


def start(
    hub: AnyHub, data: Path, *arguments: str, token: str | None = None, module: str = "extract.hub"
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=environment(hub, data, token),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def crawl(
    hub: AnyHub, data: Path, *arguments: str, token: str | None = None, fails: bool = False
) -> str:
    """Run a crawl to its end in a process of its own and return what it printed."""
    with start(hub, data, *arguments, token=token) as process:
        said, _ = process.communicate(timeout=120)
    assert (process.returncode != 0) == fails, said
    return said


def crawl_here(
    hub: AnyHub, data: Path, *arguments: str, token: str | None = None, fails: bool = False
) -> str:
    """Run the same program in this process, which spares two seconds of imports."""
    said = io.StringIO()
    handlers = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT)}
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("HF_")]:
            patch.delenv(name)
        for name, value in environment(hub, data, token).items():
            patch.setenv(name, value)
        patch.setattr(sys, "__stderr__", said)
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            try:
                code = main(list(arguments))
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
    assert (code != 0) == fails, said.getvalue()
    return said.getvalue()


def landed(data: Path, table: str) -> list[dict[str, Any]]:
    """Return all rows of a landing table, each with what does not differ between crawls."""
    files = str(data / "landing" / table / "*.parquet")
    found = duckdb.sql(f"from read_parquet('{files}', union_by_name = true)")
    kept = [name for name in found.columns if name not in PASSING]
    rows = found.project(", ".join(f'"{name}"' for name in kept)).fetchall()
    return [dict(zip(kept, row, strict=True)) for row in rows]


def content(data: Path) -> dict[str, list[str]]:
    """Return all that landed, comparable between crawls."""
    tables = ("hub_models", "hub_configs", "hub_removals")
    return {table: sorted(repr(row) for row in landed(data, table)) for table in tables}


def by_id(rows: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return rows by model id; each id must be there once."""
    found: dict[str, dict[str, Any]] = {}
    for row in rows:
        assert row["model_id"] not in found
        found[row["model_id"]] = row
    return found


def batches(data: Path) -> set[Path]:
    """List what crawls landed, but for the note that a crawl has ended."""
    return {
        path
        for path in (data / "landing").glob("hub_*/*.parquet")
        if "schema" not in path.stem and path.parent.name != "hub_crawls"
    }


def asked(hub: AnyHub) -> list[str]:
    """Return the ids whose config was asked for, in order."""
    paths = [request["path"] for request in hub.requests("resolve-cache")]
    return ["/".join(path.split("/")[4:-2]) for path in paths]
