"""The crawler on loopback: `python -m benchmarks.crawl --models 2000`.

Three questions, each against a Hub in a process of its own (`--enterprise` asks them of one large
crawl, at the rate of an Enterprise token):

- How much of the permitted rate does a crawl use, and is any request refused? (Short windows.)
- What does a config cost in CPU, beside huggingface_hub's `list_models` and `hf_hub_download` in a
  thread pool, which is how one would do it without a crawler? (No limit.)
- How much memory does it need for few and for many models?
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.hub.server import HubProcess

ROOT = Path(__file__).resolve().parent.parent
_THREADS = 16
_UNLIMITED = {"api": 10**9, "resolvers": 10**9, "pages": 10**9}
#: What one would write: list, then fetch each config that there is at the listed commit.
_HUGGINGFACE_HUB = f"""
import os
from concurrent.futures import ThreadPoolExecutor
from huggingface_hub import HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

def fetch(model):
    try:
        hf_hub_download(model.id, "config.json", revision=model.sha, cache_dir=os.environ["CACHE"])
    except (HfHubHTTPError, LocalEntryNotFoundError):
        pass

models = HfApi().list_models(expand=["sha", "siblings"])
with ThreadPoolExecutor({_THREADS}) as pool:
    wanted = (m for m in models if any(s.rfilename == "config.json" for s in m.siblings or []))
    list(pool.map(fetch, wanted))
"""


@dataclass(frozen=True)
class Measured:
    """Wall and CPU seconds, peak memory in bytes, and requests for files of one run."""

    seconds: float
    cpu_seconds: float
    peak_bytes: int
    requests: int
    configs: int


def run(hub: HubProcess, command: list[str], folder: Path) -> Measured:
    """Run a command against a Hub."""
    hub.clear_log()
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "MODELSTRATA_DATA": str(folder / "data"),
        "CACHE": str(folder / "cache"),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    start = time.perf_counter()
    with (folder / "log").open("w") as log:
        child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        _, status, used = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        sys.exit((folder / "log").read_text())
    requests = [r for r in hub.requests() if r["bucket"] == "resolvers" or "/api/" in r["path"]]
    files = {r["path"] for r in requests if r["method"] == "GET" and "config.json" in r["path"]}
    return Measured(
        seconds,
        used.ru_utime + used.ru_stime,
        used.ru_maxrss * 1024,
        len(requests),
        len({path.split("/")[-3] for path in files if "resolve-cache" in path}),
    )


def compare(models: int) -> None:
    """Print what both ways cost."""
    crawler = [sys.executable, "-m", "extract.hub", "--threads", str(_THREADS)]
    client = [sys.executable, "-c", _HUGGINGFACE_HUB]
    print(f"\n{models:,} models, no limit, {_THREADS} threads")
    print(f"{'':<22}{'wall s':>9}{'CPU s':>9}{'requests':>10}{'ms CPU/config':>15}{'peak MB':>9}")
    for name, command in (("extract.hub", crawler), ("huggingface_hub", client)):
        with (
            HubProcess(models, limits=_UNLIMITED) as hub,
            tempfile.TemporaryDirectory() as folder,
        ):
            found = run(hub, command, Path(folder))
            each = 1000 * found.cpu_seconds / max(1, found.configs)
            print(
                f"{name:<22}{found.seconds:>9.1f}{found.cpu_seconds:>9.1f}{found.requests:>10,}"
                f"{each:>15.2f}{found.peak_bytes / 1e6:>9.0f}"
            )
            if name == "extract.hub":
                again = run(hub, command, Path(folder))
                print(
                    f"{'  second, unchanged':<22}{again.seconds:>9.1f}{again.cpu_seconds:>9.1f}"
                    f"{again.requests:>10,}{'':>15}{again.peak_bytes / 1e6:>9.0f}"
                )


def pace(models: int, window_s: float, quota: int, command: list[str]) -> None:
    """Print the share of the permitted rate that a crawl uses, and what it costs."""
    limits = {"resolvers": quota, "api": max(1000, quota)}
    with (
        HubProcess(models, window=window_s, limits=limits) as hub,
        tempfile.TemporaryDirectory() as folder,
    ):
        found = run(hub, command, Path(folder))
        # Windows as the server counts them: they begin with its first request of all.
        start = hub.requests()[0]["time"]
        # One that was refused does not count.
        times = [
            r["time"] - start
            for r in hub.requests()
            if r["bucket"] == "resolvers" and r["status"] != 429
        ]
        counts: dict[int, int] = {}
        for at in times:
            number = int(at // window_s)
            counts[number] = counts.get(number, 0) + 1
        # Not the windows in which it begins and ends.
        whole = range(min(counts) + 1, max(counts))
        if not whole:
            sys.exit("Too few models for a steady state: give more.")
        share = sum(counts.get(n, 0) for n in whole) / (quota * len(whole))
        refused = hub.counters()["resolvers"]["refused"]
        print(
            f"{quota:,} requests in {window_s:.0f} s: {share:.1%} of the permitted rate over "
            f"{len(whole)} windows, {refused} requests refused; {found.seconds:.0f} s, "
            f"{found.configs:,} configs, "
            f"{1000 * found.cpu_seconds / found.configs:.2f} ms CPU each, "
            f"peak {found.peak_bytes / 1e6:.0f} MB",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.crawl", description=__doc__)
    parser.add_argument("--models", type=int, default=2000, help="models (default 2000)")
    parser.add_argument(
        "--enterprise", action="store_true",
        help="at the rate of an Enterprise token, 50,000 files in 300 s, in windows of 60 s; the "
        "client takes a fifth of the models",
    )  # fmt: skip
    arguments = parser.parse_args()
    models = arguments.models
    print(
        f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}"
    )
    crawler = [sys.executable, "-m", "extract.hub"]
    if arguments.enterprise:
        # The smaller first: a child's peak is at least what this process holds when it starts.
        compare(models // 20)
        compare(models // 5)
        pace(models, 60.0, 10_000, [*crawler, "--threads", str(_THREADS)])
        print(f"huggingface_hub, {models // 5:,} models:", flush=True)
        pace(models // 5, 60.0, 10_000, [sys.executable, "-c", _HUGGINGFACE_HUB])
        return
    for window_s, share in ((3.0, 8), (10.0, 4)):
        pace(models, window_s, max(20, round(0.7 * models / share)), crawler)
    compare(models)


if __name__ == "__main__":
    main()
