"""What the README says of the warehouse is so."""

import re
from pathlib import Path

import duckdb

from tests.builds import ROOT
from tests.readme import COMMANDS, TEXT


def test_the_two_commands_come_first_and_ci_runs_the_second() -> None:
    assert COMMANDS[:2] == ["make build", "make test"]
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()


def test_marts_table_of_the_readme_lists_every_mart(built: Path) -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", TEXT, flags=re.MULTILINE))
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        marts = connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts'"
        ).fetchall()
    assert listed == {name for (name,) in marts}


def test_numbers_of_the_readme_are_the_warehouse_s(built: Path) -> None:
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        (models,) = connection.execute("select count(*) from marts.models").fetchall()[0]
        scores = connection.execute(
            "select benchmark, split, format('{:.2f} [{:.2f}, {:.2f}]', r2, r2_low, r2_high) "
            "from marts.regression_scores"
        ).fetchall()
        n, n_groups = connection.execute(
            "select distinct n, n_groups from marts.regression_scores "
            "where split = 'grouped_structure'"
        ).fetchall()[0]
        (imputed,) = connection.execute(
            "select count(*) from marts.structure_performance where structure_tier = 'imputed'"
        ).fetchall()[0]
    assert f"{models:,} models" in TEXT
    assert f"{n:,} models are `exact`" in TEXT
    assert f"{imputed:,} have no config at hand" in TEXT
    assert f"{n:,} models in {n_groups} structure groups" in TEXT
    rows = {line.split(" | ")[0].strip("| "): line for line in TEXT.splitlines() if "[" in line}
    splits = ("random", "grouped_structure", "grouped_family", "temporal")
    assert {split for _, split, _ in scores} == set(splits)
    for benchmark, split, shown in scores:
        column = 1 + splits.index(split)
        assert rows[benchmark].strip("| ").split(" | ")[column].strip() == shown
