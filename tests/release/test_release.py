"""The release folder of a small warehouse made by hand."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import datasets
import duckdb
import pytest
import yaml

from modelstrata.errors import ModelstrataError, StorageError
from modelstrata.landing import file_digest
from modelstrata.settings import ROOT
from release.folder import write_release

FINGERPRINT = "0123456789abcdef" * 4
DESCRIPTIONS = {
    "models": ("Every model. One row per model.", ["The Hub's id.", "Likes | hearts, as counted."]),
    "structure_performance": (
        "Structure beside scores. One row per model and benchmark.",
        ["The Hub's id.", "Name of the benchmark.", "Score,\n0 to 100.", "Days: 日付."],
    ),
}


@pytest.fixture(scope="session")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a published warehouse: marts with keys and comments, sources, a fingerprint."""
    path = tmp_path_factory.mktemp("published") / "warehouse.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute("""
            create schema marts; create schema rules; create schema meta; create schema staging;
            create table staging.hidden as select 1 as x;
            create table marts.models (model_id varchar, likes bigint);
            insert into marts.models
                select 'owner/model-' || i, nullif(i % 7, 0)
                from (from range(300000) as r(i) order by hash(i));
            create table marts.structure_performance (
                model_id varchar, benchmark varchar, score double, days date[]
            );
            create table meta.primary_keys ("table" varchar, columns varchar[]);
            insert into meta.primary_keys values
                ('models', ['model_id']), ('structure_performance', ['model_id', 'benchmark']);
            insert into marts.structure_performance values
                ('b/ü', 'mmlu', 1.5, [date '2024-01-01']), ('a/x', 'mmlu', null, null),
                ('a/x', 'gsm8k', 3, []);
            create table rules.data_sources (
                landing_table varchar, source varchar, version integer, origin varchar,
                license varchar, retrieved date, note varchar
            );
            insert into rules.data_sources values
                ('hub_models', 'llmfit', null, 'PyPI', 'MIT', '2026-11-21', 'as listed');
            create table meta.publication (fingerprint varchar, modelstrata_version varchar);
            create table meta.landing_batches ("table" varchar, batch varchar, digest varchar);
            create table rules.release_tables (mart varchar, quotes varchar, reason varchar);
        """)
        connection.execute("insert into meta.publication values (?, '0.1.0')", [FINGERPRINT])
        for mart, (meaning, columns) in DESCRIPTIONS.items():
            _comment(connection, f"table marts.{mart}", meaning)
            names = connection.table(f"marts.{mart}").columns
            for name, text in zip(names, columns, strict=True):
                _comment(connection, f"column marts.{mart}.{name}", text)
    return path


def _comment(connection: duckdb.DuckDBPyConnection, what: str, text: str) -> None:
    quoted = text.replace("'", "''")
    connection.execute(f"comment on {what} is '{quoted}'")


@pytest.fixture(scope="session")
def released(warehouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the release folder of the warehouse."""
    return write_release(warehouse, tmp_path_factory.mktemp("release"))


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): file_digest(path)
        for path in folder.rglob("*")
        if path.is_file()
    }


def card(released: Path) -> tuple[dict, str]:
    _, front_matter, body = (released / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front_matter), body


def program(data: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "release"],
        cwd=ROOT,
        env={**os.environ, "MODELSTRATA_DATA": str(data)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_one_parquet_a_mart_holds_its_rows_in_the_order_of_its_key(
    warehouse: Path, released: Path
) -> None:
    assert {path.stem for path in (released / "data").iterdir()} == set(DESCRIPTIONS)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        for mart, key in (("models", "model_id"), ("structure_performance", "model_id, benchmark")):
            want = connection.execute(f"from marts.{mart} order by {key}").fetchall()
            found = duckdb.sql(f"from '{released}/data/{mart}.parquet'")
            assert found.fetchall() == want
            assert found.columns == connection.table(f"marts.{mart}").columns


def test_front_matter_names_a_config_a_mart_whose_file_is_there(released: Path) -> None:
    front_matter, _ = card(released)
    assert [config["config_name"] for config in front_matter["configs"]] == sorted(DESCRIPTIONS)
    for config in front_matter["configs"]:
        (part,) = config["data_files"]
        assert (released / part["path"]).is_file()
        assert Path(part["path"]).stem == config["config_name"]


def test_the_card_describes_every_table_column_and_source(released: Path) -> None:
    _, body = card(released)
    lines = body.splitlines()
    for mart, (meaning, columns) in DESCRIPTIONS.items():
        (overview,) = (line for line in lines if line.startswith(f"| [{mart}]"))
        assert meaning in overview
        names = duckdb.sql(f"from '{released}/data/{mart}.parquet'").columns
        start = lines.index(f"### {mart}")
        for name, text in zip(names, columns, strict=True):
            line = next(line for line in lines[start:] if line.startswith(f"| {name} |"))
            # One cell, whatever stands in the description.
            assert line.replace("\\|", "").count("|") == 4
            assert text.replace("|", "\\|").replace("\n", " ") in line
    assert "| 300,000 |" in body
    assert any("llmfit" in line and "MIT" in line for line in lines)


def test_checksums_pass_and_cover_every_file(released: Path) -> None:
    run = subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"],
        cwd=released,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    listed = {line.split("  ", 1)[1] for line in (released / "SHA256SUMS").read_text().splitlines()}
    assert listed == set(digests(released)) - {"SHA256SUMS"}


def test_the_datasets_library_reads_every_config(
    released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    for mart, rows in (("models", 300_000), ("structure_performance", 3)):
        read = datasets.load_dataset(str(released), mart, cache_dir=str(tmp_path))
        assert list(read) == ["train"]
        assert read["train"].num_rows == rows
    first = read["train"][0]
    assert (first["model_id"], first["benchmark"], first["score"]) == ("a/x", "gsm8k", 3.0)


def test_writing_again_changes_nothing(warehouse: Path, released: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in released.parent.rglob("*")}
    assert write_release(warehouse, released.parent) == released
    assert {path: path.stat().st_mtime_ns for path in released.parent.rglob("*")} == before


def test_the_same_warehouse_gives_the_same_bytes_elsewhere(
    warehouse: Path, released: Path, tmp_path: Path
) -> None:
    (tmp_path / "warehouse.duckdb").symlink_to(warehouse)
    run = program(tmp_path)
    assert (run.returncode, run.stderr) == (0, "")
    elsewhere = Path(run.stdout.strip())
    assert elsewhere.is_relative_to(tmp_path)
    assert elsewhere.name == released.name
    assert FINGERPRINT[:12] in elsewhere.name
    assert digests(elsewhere) == digests(released)


def test_a_killed_release_leaves_no_folder_and_the_next_is_whole(
    warehouse: Path, released: Path, tmp_path: Path
) -> None:
    """The writer says when it has written a mart, and is killed there."""
    code = """
import sys
from pathlib import Path
from release.folder import write_release

def stop(mart):
    print(mart, flush=True)
    sys.stdin.read()

write_release(Path(sys.argv[1]), Path(sys.argv[2]), stop)
"""
    with subprocess.Popen(
        [sys.executable, "-c", code, warehouse, tmp_path],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"models\n"
        os.kill(writer.pid, signal.SIGKILL)
    assert not (tmp_path / released.name).exists()
    assert digests(write_release(warehouse, tmp_path)) == digests(released)
    assert [path.name for path in tmp_path.iterdir()] == [released.name]


def test_marts_are_told_as_they_are_written(warehouse: Path, tmp_path: Path) -> None:
    told: list[str] = []
    write_release(warehouse, tmp_path, told.append)
    assert told == sorted(DESCRIPTIONS)


@pytest.mark.parametrize(
    ("setup", "says"),
    [
        (None, "There is no warehouse at"),
        ("create table t as select 1", "built in part only"),
        (
            "create schema meta; create table meta.publication as "
            "select null::varchar as fingerprint",
            "built in part only",
        ),
        ("garbage", "warehouse.duckdb"),
    ],
)
def test_what_is_no_whole_warehouse_is_refused_in_one_sentence(
    tmp_path: Path, setup: str | None, says: str
) -> None:
    path = tmp_path / "warehouse.duckdb"
    if setup == "garbage":
        path.write_bytes(b"no database")
    elif setup is not None:
        with duckdb.connect(str(path)) as connection:
            connection.execute(setup)
    run = program(tmp_path)
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr.startswith("error: ")
    assert says in run.stderr
    assert "make build" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (tmp_path / "release").exists()
    with pytest.raises(ModelstrataError):
        write_release(path, tmp_path / "release")


def test_a_place_that_cannot_be_written_is_named(warehouse: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StorageError, match="MODELSTRATA_DATA"):
        write_release(warehouse, tmp_path / "file" / "release")


def test_a_full_disk_is_named(
    warehouse: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise duckdb.IOException("IO Error: Could not write file: No space left on device")

    monkeypatch.setattr(duckdb.DuckDBPyRelation, "write_parquet", full)
    with pytest.raises(StorageError, match="No space is left"):
        write_release(warehouse, tmp_path)
