"""Time and memory of the main job: `python -m benchmarks.main_job`.

Measures in one run, in a data folder of its own: a first build on the embedded snapshot, a second
one with nothing new, and how long Dagster's definitions take to load beside the bare imports of
dagster and dagster_dbt (what any Dagster project with dbt pays). The limits are the project's own.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
_SAMPLE_S = 0.1
_LOAD = (
    "from orchestration.definitions import defs;"
    "[defs.resolve_job_def(name) for name in ('build', 'gpu')]"
)


@dataclass(frozen=True)
class Measured:
    """Wall seconds, CPU seconds and peak memory (sum of resident sets) of a process tree."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int


def measure(command: list[str], data: Path) -> Measured:
    """Run a command and sample the memory of its whole process tree."""
    environment = {**os.environ, "MODELSTRATA_DATA": str(data)}
    before = os.times()
    start = time.perf_counter()
    child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    root, peak = psutil.Process(child.pid), 0
    while child.poll() is None:
        peak = max(peak, _resident(root))
        time.sleep(_SAMPLE_S)
    seconds = time.perf_counter() - start
    after = os.times()
    if child.returncode != 0:
        sys.exit(f"{' '.join(command)} failed")
    cpu = after.children_user + after.children_system
    cpu -= before.children_user + before.children_system
    return Measured(seconds, cpu, peak)


def _resident(root: psutil.Process) -> int:
    total = 0
    try:
        for process in [root, *root.children(recursive=True)]:
            total += process.memory_info().rss
    except psutil.NoSuchProcess:
        pass
    return total


def load_seconds(code: str, repeats: int) -> list[float]:
    """Run Python code in fresh processes and return each run's wall seconds."""
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
        taken.append(time.perf_counter() - start)
    return taken


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.main_job", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="runs per load time (default 5)")
    repeats = parser.parse_args().repeats
    build = [sys.executable, "-m", "orchestration.run", "build"]

    load_seconds(_LOAD, 1)  # the manifest is parsed here, if it is out of date
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        first = measure(build, data)
        second = measure(build, data)
    bare, ours = [], []
    for _ in range(repeats):  # side by side, so that a busy moment hits both
        bare += load_seconds("import dagster, dagster_dbt", 1)
        ours += load_seconds(_LOAD, 1)
    over = statistics.median(ours) - statistics.median(bare)

    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    print(f"{'':<34}{'measured':>10}{'limit':>8}")
    rows = [
        ("first build, s", first.seconds, 90),
        ("first build, CPU s", first.cpu_seconds, None),
        ("first build, peak memory, GB", first.peak_bytes / 1e9, 2),
        ("second build, nothing new, s", second.seconds, 45),
        ("second / first", second.seconds / first.seconds, None),
        ("bare imports, median s", statistics.median(bare), None),
        ("definitions, median s", statistics.median(ours), None),
        ("definitions over bare imports, s", over, 1.5),
        ("definitions / bare imports", statistics.median(ours) / statistics.median(bare), None),
    ]
    for label, value, limit in rows:
        print(f"{label:<34}{value:>10.2f}{limit if limit is not None else '':>8}")


if __name__ == "__main__":
    main()
