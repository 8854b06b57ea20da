"""Killing a program at work."""

import os
import subprocess
import sys
import time
from pathlib import Path

from tests.builds import ROOT, written


def kill_at(
    table: str, n_files: int, module: str, line: list[str], output: Path
) -> dict[Path, int]:
    """Start a program, kill it once a table has so many files, and return what is `written`."""
    job = subprocess.Popen(
        [sys.executable, "-m", module, *line],
        cwd=ROOT,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 300
    while len(list(output.glob(f"{table}/*.parquet"))) < n_files:
        assert job.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    job.kill()
    job.wait()
    return written(output)
