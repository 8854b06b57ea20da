"""Values that a table's YAML does not allow, found by one test and told in sentences."""

from pathlib import Path

import duckdb

from orchestration.failures import failed_nodes
from tests.dbt_project.conftest import run_dbt

SELECTED = "values_of_structure_performance"


def told(data: Path, target: Path) -> list[str]:
    """Run the test on a data folder's warehouse; return what the main job would say of it."""
    run_dbt(data, target, ("test", "--select", SELECTED), target="published")
    return failed_nodes(target / "run_results.json", data / "warehouse.duckdb")


def test_every_wrong_value_is_named_with_what_is_allowed(
    copy_of_built: Path, tmp_path: Path
) -> None:
    assert told(copy_of_built, tmp_path / "right") == []
    with duckdb.connect(str(copy_of_built / "warehouse.duckdb")) as connection:
        some = "where model_id in (select model_id from marts.structure_performance order by all "
        for change, limit in (
            ("mmlu = 140", "limit 2)"),
            ("gsm8k = 'nan'", "limit 1)"),
            ("structure_tier = 'guessed'", "limit 3)"),
            ("training_type = null", "limit 9)"),
        ):
            connection.execute(f"update marts.structure_performance set {change} {some}{limit}")  # noqa: S608
    (said,) = told(copy_of_built, tmp_path / "wrong")
    assert said.startswith(SELECTED)
    for problem in (
        "structure_performance: mmlu = 140.0 (rows: 2)",
        "structure_performance: gsm8k = nan (rows: 1)",
        "structure_performance: structure_tier = guessed (rows: 3)",
        "mmlu may be 0 to 100",
        "structure_tier may be exact, imputed",
    ):
        assert problem in said
    assert "training_type" not in said
