"""What a warehouse was built from, as one hash: landed batches, code and library versions."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from modelstrata.landing import batches, check_file, file_digest
from modelstrata.landing_schema import RESULT_TABLES
from modelstrata.scratch import scratch
from modelstrata.settings import ROOT

_CODE = {
    "dbt_project": ("*.sql", "*.yml", "*.csv"),
    "extract": ("*.py",),
    "ml": ("*.py",),
    "modelstrata": ("*.py",),
    "orchestration": ("*.py",),
    "release": ("*.py",),
    "report": ("*.py", "*.j2", "*.js", "*.css", "*.csv"),
}
_LIBRARIES = (
    *("altair", "dbt-core", "dbt-duckdb", "duckdb", "jinja2", "numpy", "pandas", "scikit-learn"),
    "vl-convert-python",
)


@dataclass(frozen=True, order=True)
class Batch:
    """A batch of the landing zone with its content's hash."""

    table: str
    name: str
    digest: str


def landed_batches(landing: Path) -> list[Batch]:
    """List the landing zone's batches, sorted."""
    return [describe_batch(table, path) for table, path in batches(landing)]


def describe_batch(table: str, path: Path) -> Batch:
    """Return a batch file's description.

    Of results the rows are hashed without the time of their computation, so that the same
    results computed twice are the same batch; of raw facts the file.

    Raises:
        LandingError: a results file cannot be read.
    """
    if table not in RESULT_TABLES:
        return Batch(table, path.stem, file_digest(path))
    check_file(table, path)
    with scratch() as connection:
        # No view, as a query on a relation would make, in a database that others use.
        query = "select * exclude (computed_at) from read_parquet(?)"
        query = f"select sum(hash(results)::hugeint) from ({query}) as results"  # noqa: S608
        total = connection.execute(query, [str(path)]).fetchall()
    return Batch(table, path.stem, f"rows-{total[0][0]}")


def sql_fingerprint() -> str:
    """Hash what decides the tables that dbt makes: SQL, seeds and library versions."""
    return code_fingerprint(("dbt_project",))


def code_fingerprint(folders: Iterable[str] = tuple(_CODE)) -> str:
    """Hash the SQL, seeds, Python and library versions that decide what a build writes."""
    digest = hashlib.sha256()
    for folder in folders:
        patterns = _CODE[folder]
        paths = {path for pattern in patterns for path in (ROOT / folder).rglob(pattern)}
        for path in sorted(paths):
            relative = path.relative_to(ROOT)
            if "target" in relative.parts[:2]:
                continue
            digest.update(str(relative).encode())
            digest.update(path.read_bytes())
    digest.update(" ".join(f"{name}={version(name)}" for name in _LIBRARIES).encode())
    return digest.hexdigest()


def fingerprint(landed: list[Batch], held_back: Sequence[str] = ()) -> str:
    """Hash the batches, the code and the days that held-back records wait for."""
    digest = hashlib.sha256(code_fingerprint().encode())
    for batch in sorted(landed):
        digest.update(f"{batch.table}/{batch.name}/{batch.digest}\n".encode())
    for day in held_back:
        digest.update(f"{day}\n".encode())
    return digest.hexdigest()
