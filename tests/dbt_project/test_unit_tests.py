"""dbt's unit tests (`unit_tests:` beside the models), against a built warehouse."""

import json
import shutil
from pathlib import Path

from tests.dbt_project.conftest import Warehouse, run_dbt


def test_unit_tests_of_the_dbt_project_pass(odd: Warehouse, tmp_path: Path) -> None:
    # A copy, because dbt opens the file for writing and this process has it open for reading.
    data = tmp_path / "data"
    shutil.copytree(odd.data, data)
    target = tmp_path / "target"
    run = run_dbt(data, target, ("test", "--select", "test_type:unit"))
    assert run.returncode == 0, run.stdout + run.stderr
    results = json.loads((target / "run_results.json").read_text())["results"]
    manifest = json.loads((target / "manifest.json").read_text())
    passed = {result["unique_id"] for result in results if result["status"] == "pass"}
    assert passed == set(manifest["unit_tests"]) != set()
