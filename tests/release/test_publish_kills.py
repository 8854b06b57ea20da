"""`kill -9` of a publication at every request that it writes with, and a second run."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from release.folder import write_release
from tests.builds import ROOT
from tests.hub import TOKEN, HubProcess
from tests.release.published import assert_whole
from tests.release.warehouses import write_warehouse

#: Each publication is a process of its own, forked from one that has imported everything, which
#: spares seconds a run. A line says how to send and what the command line is.
_FORKS = """
import os, sys
from huggingface_hub import constants
import release.plan, release.publish
from release.__main__ import main
for line in sys.stdin:
    way, data, *arguments = line.split()
    constants.HF_HUB_DISABLE_XET = way == "lfs"
    if (child := os.fork()) == 0:
        os.environ["MODELSTRATA_DATA"] = data
        sys.stdout = sys.stderr
        os._exit(main(arguments))
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""
#: Where a run is killed: the request, and whether the Hub has done what it asks by then.
STEPS = [
    ("lfs", "/api/repos/create", False),
    ("lfs", "/api/repos/create", True),
    ("lfs", "/preupload/main", False),
    ("lfs", "/objects/batch", False),
    ("lfs", r"/upload/[0-9a-f]{64}\?", False),
    ("lfs", r"/upload/\w+/2\?", False),
    ("lfs", "/complete_multipart", False),
    ("lfs", "/complete_multipart", True),
    ("lfs", "/objects/verify", False),
    ("lfs", "/validate-yaml", False),
    ("lfs", "/commit/main", False),
    ("lfs", "/commit/main", True),
    ("lfs", "/resolve/", False),  # of the check
    ("lfs", "/tag/", False),
    ("lfs", "/tag/", True),
    ("xet", "/xet-write-token/", False),
    ("xet", "/commit/main", False),
    ("xet", "/commit/main", True),
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubProcess]:
    with HubProcess() as server:
        server.set(multipart_threshold=2000, part_size=1500)
        server.set(xet_folder=str(tmp_path_factory.mktemp("xet")))
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    return write_release(write_warehouse(data / "warehouse.duckdb"), data / "release")


@pytest.fixture(scope="module")
def forks(hub: HubProcess) -> Iterator[subprocess.Popen[str]]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    environment |= {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN}
    with subprocess.Popen(
        [sys.executable, "-c", _FORKS],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def start(forks: subprocess.Popen[str], way: str, folder: Path, repo: str) -> int:
    assert forks.stdin is not None and forks.stdout is not None
    forks.stdin.write(f"{way} {folder.parent.parent} publish --repo {repo}\n")
    forks.stdin.flush()
    return int(forks.stdout.readline())


def end(forks: subprocess.Popen[str]) -> int:
    """Return how the run ended, as `os.waitpid` says it."""
    assert forks.stdout is not None
    return int(forks.stdout.readline())


def wait_for(happened: Callable[[], object]) -> None:
    last = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < last
        time.sleep(0.01)


def kill(
    hub: HubProcess,
    forks: subprocess.Popen[str],
    folder: Path,
    repo: str,
    step: tuple[str, str, bool],
) -> None:
    """Publish, and kill that when it makes the step's request."""
    way, request, is_done = step
    hub.clear_log()
    # An answer that comes a tenth every minute: what was asked is done, and the client waits.
    kind = {"kind": "trickle", "seconds": 60} if is_done else {"kind": "silent"}
    hub.add_fault(match=request, **kind)
    child = start(forks, way, folder, repo)
    wait_for(lambda: any(fault["fired"] for fault in hub.faults()))
    if is_done:
        wait_for(lambda: any(r["fault"] and r["status"] for r in hub.requests()))
    os.kill(child, signal.SIGKILL)
    assert end(forks) == signal.SIGKILL
    hub.clear_faults()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: "-".join(map(str, step)))
def test_a_killed_publication_is_made_up_for_by_the_next(
    hub: HubProcess, forks: subprocess.Popen[str], folder: Path, step: tuple[str, str, bool]
) -> None:
    way, request, is_done = step
    repo = f"acme/killed-{STEPS.index(step)}"
    hub.set(lfs={})  # what earlier runs sent would not be sent again
    kill(hub, forks, folder, repo, step)
    if request == "/api/repos/create" and not is_done:
        with pytest.raises(RuntimeError):
            hub.commits(repo)
    else:
        # All of the version or nothing of it.
        seen = [set(commit["files"]) for commit in hub.commits(repo)]
        assert seen[-1] == {".gitattributes"}
        made = request in ("/tag/", "/resolve/") or (request == "/commit/main" and is_done)
        assert len(seen) == (2 if made else 1)
    start(forks, way, folder, repo)
    assert end(forks) == 0
    assert_whole(hub, folder, repo=repo)
    assert hub.leaked_tokens() == []


def test_a_killed_second_version_keeps_its_changes(
    hub: HubProcess, forks: subprocess.Popen[str], folder: Path, tmp_path: Path
) -> None:
    """Committed and not tagged, it is not compared with itself."""
    repo = "acme/second"
    start(forks, "lfs", folder, repo)
    assert end(forks) == 0
    warehouse = write_warehouse(tmp_path / "warehouse.duckdb", n=23, fingerprint="e" * 64)
    newer = write_release(warehouse, tmp_path / "release")
    for step in (("lfs", "/commit/main", False), ("lfs", "/commit/main", True)):
        kill(hub, forks, newer, repo, step)
    start(forks, "lfs", newer, repo)
    assert end(forks) == 0
    assert_whole(hub, newer, repo=repo, ours=2)
    card = hub.read(repo, "README.md", kind="dataset").decode()
    assert f"Against {folder.name}" in card
    assert "| models | 3 | 0 | 0 |  |" in card
