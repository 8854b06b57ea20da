"""Kept results of layer jobs: gathered into the same bytes, landed once beside the snapshot."""

import shutil
from pathlib import Path

import duckdb
import pytest

from extract.land_snapshot import SNAPSHOT, land_snapshot
from extract.layer_results import gather, main
from modelstrata.landing import batches
from modelstrata.landing_schema import LANDING_TABLES, LAYER_TABLES, RAW_TABLES


def write(folder: Path, table: str, name: str, rows: list[dict[str, str]]) -> Path:
    """Write rows of SQL values as a program does; columns that they lack are null."""
    path = folder / table / f"{name}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    selects = [
        "select "
        + ", ".join(f'{row.get(c, "null")}::{kind} as "{c}"' for c, kind in columns.items())
        for row in rows
        for columns in [LANDING_TABLES[table]]
    ]
    duckdb.sql(" union all ".join(selects)).write_parquet(str(path))
    return path


def influence(key: str, layer: int, value: float, day: int = 1) -> dict[str, str]:
    return {
        "result_key": f"'{key}'",
        "computed_at": f"'2026-01-0{day} 10:00:00+00'",
        "layer": str(layer),
        "block_influence": str(value),
    }


@pytest.fixture
def outputs(tmp_path: Path) -> list[Path]:
    """Return two folders of results; both hold `b`, computed anew in the second."""
    one, two = tmp_path / "one", tmp_path / "two"
    write(one, "block_influence", "b", [influence("b", 0, 0.5), influence("b", 1, 0.6)])
    write(one, "block_influence", "a", [influence("a", 1, 0.2), influence("a", 0, 0.1)])
    write(two, "block_influence", "b", [influence("b", n, 0.7, day=2) for n in (1, 0)])
    effect = {"result_key": "'c'", "computed_at": "'2026-01-01'", "removed_layers": "'1 2'"}
    write(two, "pruning_effects", "c", [effect])
    return [one, two]


def test_the_same_results_give_the_same_bytes(outputs: list[Path], tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert gather(outputs, first) == {"block_influence": 4, "pruning_effects": 1}
    for number, path in enumerate(sorted(outputs[0].rglob("*.parquet"))):
        path.rename(path.with_name(f"{number}.parquet"))
    shutil.copytree(outputs[1], tmp_path / "copy")
    assert gather([tmp_path / "copy", *reversed(outputs)], second) == gather(outputs, first)
    assert {path.name for path in first.iterdir()} == {
        "block_influence.parquet",
        "pruning_effects.parquet",
    }
    for path in first.iterdir():
        assert path.read_bytes() == (second / path.name).read_bytes()
    kept = duckdb.read_parquet(str(first / "block_influence.parquet"))
    assert (
        dict(zip(kept.columns, map(str, kept.types), strict=True))
        == (LANDING_TABLES["block_influence"])
    )
    assert kept.project("result_key, layer, block_influence").fetchall() == [
        ("a", 0, 0.1),
        ("a", 1, 0.2),
        ("b", 0, 0.7),
        ("b", 1, 0.7),
    ]


def test_the_program_says_what_it_kept_and_what_is_wrong(
    outputs: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = ["--output", str(tmp_path / "kept")]
    assert main([str(outputs[1]), *target]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[:2] == ["block_influence: 2 rows", "pruning_effects: 1 rows"]
    others = LAYER_TABLES[2:]
    assert said[2:] == [f"{table}: left as it is" for table in others]
    assert main([str(tmp_path / "nothing"), *target]) == 1
    assert f"below {tmp_path / 'nothing'}" in capsys.readouterr().err
    broken = outputs[0] / "layer_gradients" / "x.parquet"
    broken.parent.mkdir()
    broken.write_bytes((outputs[1] / "pruning_effects" / "c.parquet").read_bytes()[:-9])
    before = {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()}
    assert main([str(outputs[0]), *target]) == 1
    assert str(broken) in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "kept").iterdir()} == before


def test_kept_results_land_once_and_leave_the_user_s_files(
    outputs: list[Path], tmp_path: Path
) -> None:
    snapshot, landing = tmp_path / "snapshot", tmp_path / "landing"
    snapshot.mkdir()
    for table in RAW_TABLES:
        (snapshot / f"{table}.parquet").symlink_to(SNAPSHOT / f"{table}.parquet")
    assert set(land_snapshot(landing, snapshot)) == set(RAW_TABLES)
    assert not {table for table, _ in batches(landing)} & set(LAYER_TABLES)

    gather(outputs, snapshot)
    own = landing / "block_influence" / "b.parquet"
    shutil.copy(outputs[0] / "block_influence" / "b.parquet", own)
    before = own.read_bytes()
    added = land_snapshot(landing, snapshot)
    assert {table for table, is_new in added.items() if is_new} == {
        "block_influence",
        "pruning_effects",
    }
    assert not any(land_snapshot(landing, snapshot).values())
    assert own.read_bytes() == before
    landed = [path.stem for table, path in batches(landing) if table == "block_influence"]
    assert len(landed) == 2 and landed[0] == "b" and landed[1].startswith("snapshot-")
