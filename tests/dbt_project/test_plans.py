"""How DuckDB means to run the project's SQL: time must not grow with the square of the models."""

import json
from pathlib import Path
from typing import Any

from tests.dbt_project.conftest import Warehouse, run_dbt

#: A join by one of these looks at every pair of rows.
BY_PAIRS = {"BLOCKWISE_NL_JOIN", "NESTED_LOOP_JOIN"}
#: One side may be a short list: draws, ranges of sizes, a total.
FEW = 1000
#: What is meant to be held side by side: some hundred sums with each draw.
MEANT = {"int_score_draws"}


def by_pairs(plan: dict[str, Any]) -> list[str]:
    """Return the joins below a step of a plan that hold all rows of one side to all of the other."""
    rows = [int(side["extra_info"].get("Estimated Cardinality", 0)) for side in plan["children"]]
    here = []
    if plan["name"] in BY_PAIRS and min(rows) > FEW:
        here = [f"{rows[0]} by {rows[1]} rows on {plan['extra_info'].get('Condition')}"]
    return here + [join for side in plan["children"] for join in by_pairs(side)]


def plan_of(warehouse: Warehouse, query: str) -> dict[str, Any]:
    ((_, plan),) = warehouse.rows("explain (format json) " + query)
    return {"name": "", "extra_info": {}, "children": json.loads(plan)}


def test_no_table_or_test_joins_by_pairs(snapshot: Warehouse, tmp_path: Path) -> None:
    """DuckDB does so where a left join's condition names the left side alone (`and a.tier = 'x'`)."""
    arguments = ("compile", "--exclude", "resource_type:unit_test")
    done = run_dbt(snapshot.data, tmp_path, arguments, target="published")
    assert done.returncode == 0, done.stdout + done.stderr
    files = [*(tmp_path / "compiled").rglob("models/*/*.sql"), *tmp_path.rglob("tests/*/*.sql")]
    assert len(files) > 100
    found = {path.stem: by_pairs(plan_of(snapshot, path.read_text())) for path in files}
    assert {name: joins for name, joins in found.items() if joins and name not in MEANT} == {}


def test_a_join_by_pairs_is_seen(snapshot: Warehouse) -> None:
    query = (
        "select * from marts.models left join marts.model_structures as structures "
        "on models.model_id = structures.model_id and models.is_moe"
    )
    assert by_pairs(plan_of(snapshot, query))
    assert not by_pairs(plan_of(snapshot, query.replace("and models.is_moe", "")))
