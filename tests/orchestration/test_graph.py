import json
import subprocess
import sys
from pathlib import Path

from tests.builds import BIN, ROOT, environment
from tests.orchestration.graph import shape

SNAPSHOT = Path(__file__).with_name("graph.json")


def test_graph_has_the_shape_that_was_reviewed() -> None:
    message = "write it anew: python -m tests.orchestration.graph > tests/orchestration/graph.json"
    assert shape() == json.loads(SNAPSHOT.read_text()), message


def test_every_dbt_test_is_an_asset_check() -> None:
    from orchestration.dbt_cli import manifest

    tests = [n for n in manifest()["nodes"].values() if n["resource_type"] == "test"]
    assets = shape()["assets"]
    of_landing = {key for key in assets if key.startswith("landing/")}
    of_study = {key for key in assets if key.startswith("study/")}
    others = assets.keys() - of_landing - of_study
    checks = [name for key in others for name in assets[key]["checks"]]
    assert sorted(node["name"] for node in tests) == sorted(checks)
    checked = {key for key in of_landing if assets[key]["checks"] == ["freshness"]}
    assert checked == {"landing/hub_models", "landing/hub_configs"}


def test_dagster_and_dg_accept_the_definitions(tmp_path: Path) -> None:
    for command in (
        ["dagster", "definitions", "validate", "-m", "orchestration.definitions"],
        ["dg", "check", "defs"],
    ):
        run = subprocess.run(
            [str(BIN / command[0]), *command[1:]],
            cwd=ROOT,
            env=environment(tmp_path),
            capture_output=True,
            text=True,
            check=False,
        )
        assert run.returncode == 0, run.stdout + run.stderr


def test_definitions_leave_heavy_libraries_alone() -> None:
    code = (
        "import sys, orchestration.definitions;"
        "heavy = {'pandas', 'sklearn', 'torch', 'transformers', 'scipy'} & set(sys.modules);"
        "print(sorted(heavy))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "[]"
