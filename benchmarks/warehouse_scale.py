"""Time and memory of the warehouse at the Hub's size: `python -m benchmarks.warehouse_scale`.

Builds landing zones of many distinct models, multiplied from the embedded snapshot, with the dbt
command of the main job (every table that needs no Python, every data test), each beside an empty
zone, which takes what dbt takes by itself. Then a batch with 1 % as many models comes to one of
them, and once more nothing. The same models go through pipelines in pandas and polars that do less.
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

import duckdb

from benchmarks.multiplied_snapshot import multiply
from modelstrata.landing import prepare
from modelstrata.settings import DBT_PROJECT
from orchestration.dbt_cli import DBT

_BUILD = ["build", "--exclude", "tag:results+", "--exclude-resource-type", "unit_test"]


@dataclass(frozen=True)
class Measured:
    """Wall seconds, CPU seconds and peak resident memory in GB of one process."""

    seconds: float
    cpu: float
    gigabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:>9.1f} {self.cpu:>9.1f} {self.gigabytes:>9.2f}"


def measure(command: list[str], data: Path) -> Measured:
    """Run a command to its end and measure it."""
    environment = {**os.environ, "MODELSTRATA_DATA": str(data)}
    start = time.perf_counter()
    with (data / "log.txt").open("w") as log:
        child = subprocess.Popen(command, cwd=DBT_PROJECT.parent, env=environment, stdout=log)
        _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        sys.exit(f"{' '.join(command)} failed:\n{(data / 'log.txt').read_text()}")
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e9)


def dbt(data: Path) -> Measured:
    """Build and test a data folder's landing zone, after a parse that is not measured.

    A folder's first build parses the project, others find it parsed; the main job keeps the parse.
    """
    (data / "dev").mkdir(exist_ok=True)
    command = [str(DBT), "--no-use-colors", "--log-level-file", "none"]
    where = ["--target", "dev", "--target-path", str(data / "target")]
    where += ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT)]
    measure([*command, "parse", *where], data)
    return measure([*command, *_BUILD, *where], data)


def n_models(data: Path) -> int:
    """Count the models of a built warehouse."""
    with duckdb.connect(str(data / "dev" / "warehouse.duckdb"), read_only=True) as connection:
        return int(connection.execute("select count(*) from marts.models").fetchall()[0][0])


def report(label: str, taken: Measured, note: str = "") -> None:
    """Print one row."""
    print(f"{label:<44}{taken}  {note}", flush=True)


def full_build(folder: Path, n: int) -> tuple[Path, Measured]:
    """Build `n` models from nothing."""
    data = folder / str(n)
    data.mkdir()
    multiply(data / "landing", n)
    taken = dbt(data)
    report(f"{n:,} models, full build", taken, f"{n_models(data):,} models in marts.models")
    return data, taken


def increment(data: Path, n: int, full: Measured, empty: Measured) -> None:
    """Add 1 % to a built zone; compare with the full build, both net of an empty one."""
    multiply(data / "landing", n, n // 100)
    added = dbt(data)
    share = (added.seconds - empty.seconds) / (full.seconds - empty.seconds)
    report(
        f"{n // 100:,} more, a fifth of them changed", added, f"{share:.1%} of the full build, net"
    )
    nothing = dbt(data)
    share = (nothing.seconds - empty.seconds) / (full.seconds - empty.seconds)
    report("nothing new", nothing, f"{share:.1%} of the full build, net")


def frames_build(data: Path, n: int, ours: Measured, library: str) -> None:
    """Run the pipeline in pandas or polars on the same zone."""
    code = "import sys; from pathlib import Path; "
    code += f"from benchmarks.warehouse_{library} import build; "
    code += "print({k: len(v) for k, v in build(Path(sys.argv[1])).items()})"
    taken = measure([sys.executable, "-c", code, str(data / "landing")], data)
    ratio = taken.seconds / ours.seconds
    report(f"{n:,} models, {library}, without tests", taken, f"{ratio:.2f} × the full build")


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.warehouse_scale",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=int, nargs="+", default=[160_000, 1_000_000, 3_000_000])
    parser.add_argument(
        "--increment", type=int, default=1_000_000, help="of --models, gets 1 %% more"
    )
    parser.add_argument(
        "--pandas", type=int, default=160_000, help="of --models, goes through pandas and polars"
    )
    parser.add_argument("--folder", type=Path, help="where the zones go (60 GB for 3 million)")
    arguments = parser.parse_args()

    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, {memory:.0f} GB, ", end="")
    print(f"Python {platform.python_version()}, DuckDB {duckdb.__version__}")
    print(f"{'':<44}{'s':>9} {'CPU s':>9} {'peak GB':>9}")
    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        nothing = folder / "empty"
        prepare(nothing / "landing")
        empty = dbt(nothing)
        report("no models: what dbt takes by itself", empty)
        for n in arguments.models:
            data, full = full_build(folder, n)
            if n == arguments.pandas:
                for library in ("pandas", "polars"):
                    frames_build(data, n, full, library)
            if n == arguments.increment:
                increment(data, n, full, empty)
            subprocess.run(["rm", "-rf", str(data)], check=True)


if __name__ == "__main__":
    main()
