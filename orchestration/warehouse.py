"""Write, audit, publish: build in a copy, test it there, replace the warehouse in one rename.

One operating-system lock is held from copy to publish. It is released with the process, so that
a killed build leaves nothing but a folder under `data/build/`, which the next build sweeps.
"""

import datetime
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
from filelock import FileLock

import modelstrata
from modelstrata.errors import BuildFailed, storage_errors
from modelstrata.landing import batches, check_file, prepare, sync_folder
from modelstrata.landing_schema import RESULT_TABLES
from modelstrata.locks import acquire_lock
from modelstrata.replacement import finish_replacement
from modelstrata.settings import Settings
from orchestration.dbt_cli import manifest, primary_keys, work_tables
from orchestration.docs import docs_page
from orchestration.fingerprint import Batch, describe_batch, fingerprint, landed_batches
from orchestration.row_counts import write_row_counts
from release.folder import version as release_version

#: Link to the run's folder, so that dbt's profile names the same path in every run.
CURRENT = "current"
#: A published file was built by both halves of the dbt project.
PARTS = frozenset({"core", "results"})


@dataclass
class Build:
    """A run's own build file, from copy to publish.

    Attributes:
        file: the DuckDB file that dbt writes; its stem is that of the published one.
        landed: batches that the build reads, those that it lands itself included.
        is_unchanged: the published warehouse was built from the same batches and code.
        is_core_unchanged: it was, but for batches of results, of which the core reads nothing.
        has_lost_batches: the published warehouse holds batches that are gone or were overwritten,
            so that adding to it is not enough.
        built: halves of the dbt project that were built and tested in this run.
        children: processes that write the file; none may outlive the build.
    """

    settings: Settings
    run_id: str
    lock: FileLock
    landed: list[Batch]
    is_unchanged: bool
    is_core_unchanged: bool = False
    has_lost_batches: bool = False
    built: set[str] = field(default_factory=set)
    children: list[subprocess.Popen] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        return self.settings.builds / self.run_id

    @property
    def file(self) -> Path:
        return self.folder / self.settings.warehouse.name

    @property
    def dbt_target(self) -> Path:
        """Folder of dbt's artifacts; one, so that the second half needs no parse of its own."""
        return self.folder / "dbt"

    def add_batch(self, table: str, path: Path) -> None:
        """Count a batch that this run landed among what the build reads."""
        batch = describe_batch(table, path)
        if batch not in self.landed:
            self.landed.append(batch)


_active: dict[str, Build] = {}


def open_build(settings: Settings, run_id: str) -> Build:
    """Return the run's build file; the first call locks, checks the landing zone and copies.

    Raises:
        BuildInProgress: another run holds the lock.
        LandingError: a landing file is damaged or has the wrong columns.
        StorageError: the data folder cannot be written.
    """
    if run_id in _active:
        return _active[run_id]
    with storage_errors(settings.data):
        settings.builds.mkdir(parents=True, exist_ok=True)
        settings.dev_warehouse.parent.mkdir(parents=True, exist_ok=True)
        lock = acquire_lock(settings)
        try:
            sweep(settings)
            prepare(settings.landing)
            finish_replacement(settings.landing)
            published = published_batches(settings)
            landed = landed_batches(settings.landing)
            described = {(b.table, b.name): b for b in landed}
            known = set(published)
            for table, path in batches(settings.landing):
                check_file(table, path, decode=described[table, path.stem] not in known)
            waiting = held_back(settings.warehouse, settings.today)
            built_from = published_fingerprint(settings)
            build = Build(
                settings,
                run_id,
                lock,
                landed,
                is_unchanged=is_published(settings, fingerprint(landed, waiting)),
                is_core_unchanged=built_from == fingerprint(published, waiting)
                and _core(published) == _core(landed),
                has_lost_batches=not _core(published) <= _core(landed),
            )
            if not build.is_unchanged:
                build.folder.mkdir()
                (settings.builds / CURRENT).symlink_to(build.folder, target_is_directory=True)
                if settings.warehouse.exists():
                    shutil.copyfile(settings.warehouse, build.file)
        except BaseException:
            lock.release()
            raise
    _active[run_id] = build
    return build


def _core(landed: list[Batch]) -> set[Batch]:
    return {batch for batch in landed if batch.table not in RESULT_TABLES}


def close_build(run_id: str) -> None:
    """Drop the run's build file, if it was not published, and release the lock."""
    build = _active.pop(run_id, None)
    if build is not None:
        for child in build.children:
            child.kill()
            child.wait()
        sweep(build.settings)
        build.lock.release()


def close_builds() -> None:
    """Drop every build of this process that was not published."""
    for run_id in list(_active):
        close_build(run_id)


def sweep(settings: Settings) -> None:
    """Remove build folders that killed runs left; call it with the lock held."""
    for path in settings.builds.iterdir():
        if path.is_symlink():
            path.unlink()
        else:
            shutil.rmtree(path, ignore_errors=True)


def is_published(settings: Settings, current: str) -> bool:
    """Tell whether warehouse, release, report and documentation of this fingerprint are there."""
    return (
        published_fingerprint(settings) == current
        and (settings.releases / release_version(current)).is_dir()
        and docs_page(settings).is_file()
        and (settings.report / "index.html").is_file()
    )


def published_fingerprint(settings: Settings) -> str | None:
    """Return what the published warehouse was built from; None without a whole build."""
    rows = _read_meta(settings, "select fingerprint from meta.publication")
    return rows[0][0] if rows else None


def published_batches(settings: Settings) -> list[Batch]:
    """List the batches that the published warehouse was built from."""
    rows = _read_meta(settings, 'select "table", batch, digest from meta.landing_batches')
    return [Batch(*row) for row in rows]


def held_back(warehouse: Path, today: datetime.date = datetime.date.min) -> list[str]:
    """List the days of records from the future that a warehouse file has set aside.

    They count for the fingerprint, those that have come by `today` no more: from then on the same
    batches and code give another warehouse.
    """
    query = (
        "select distinct value from marts.rejected_records where reason = 'from_the_future' "
        "and not coalesce(try_cast(value as date) - ? <= 1, false) order by all"
    )
    return [day for (day,) in _read(warehouse, query, today)]


def _read_meta(settings: Settings, query: str) -> list[tuple]:
    return _read(settings.warehouse, query)


def _read(file: Path, query: str, *parameters: object) -> list[tuple]:
    if not file.exists():
        return []
    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            return connection.execute(query, parameters).fetchall()
    except duckdb.CatalogException:
        return []


def build_fingerprint(build: Build) -> str:
    """Hash what a build file was built from."""
    return fingerprint(build.landed, held_back(build.file))


def publish(build: Build) -> None:
    """Audit the build file and put it in the warehouse's place, in one rename.

    Raises:
        BuildFailed: the file holds a view, or a write-ahead log remains.
        StorageError: the disk is full or not writable.
    """
    settings = build.settings
    with storage_errors(settings.data):
        current = build_fingerprint(build)
        with duckdb.connect(str(build.file)) as connection:
            _audit(connection)
            # In one transaction: alone, each row would wait for the disk.
            connection.begin()
            for table in work_tables():
                connection.execute(f"delete from {table}")  # noqa: S608 - our own names
            _write_meta(connection, build, current)
            connection.commit()
            connection.execute("checkpoint")
        if build.file.with_name(build.file.name + ".wal").exists():
            raise BuildFailed(
                f"A write-ahead log remains beside {build.file}, so that it was not published: "
                "run the build again."
            )
        with build.file.open("rb+") as file:
            os.fsync(file.fileno())
        build.file.replace(settings.warehouse)
        sync_folder(settings.data)
    close_build(build.run_id)


def _audit(connection: duckdb.DuckDBPyConnection) -> None:
    views = connection.execute(
        "select schema_name || '.' || view_name from duckdb_views() where not internal"
    ).fetchall()
    if views:
        names = ", ".join(name for (name,) in views)
        raise BuildFailed(
            f"The build holds views ({names}), which would read the landing zone: "
            "materialize them as tables."
        )


def _write_meta(connection: duckdb.DuckDBPyConnection, build: Build, current: str) -> None:
    whole = build.built >= PARTS
    connection.execute("create schema if not exists meta")
    connection.execute(
        "create or replace table meta.publication as "
        "select $1::varchar as fingerprint, $2::varchar as modelstrata_version",
        [current if whole else None, modelstrata.__version__],
    )
    connection.execute(
        "create or replace table meta.landing_batches "
        '("table" varchar, batch varchar, digest varchar)'
    )
    connection.executemany(
        "insert into meta.landing_batches values (?, ?, ?)",
        [(b.table, b.name, b.digest) for b in sorted(build.landed)],
    )
    connection.execute(
        'create or replace table meta.primary_keys ("table" varchar, columns varchar[])'
    )
    connection.executemany("insert into meta.primary_keys values (?, ?)", primary_keys())
    write_row_counts(connection, manifest())
