"""Every landed record is in a mart or in rejected_records, by id; nothing is dropped silently."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from modelstrata.landing import batches, prepare
from modelstrata.landing_schema import CRAWLED_TABLES, RAW_TABLES
from tests.dbt_project.conftest import Warehouse, run_dbt
from tests.dbt_project.odd_zone import BAD_IDS

#: Records that a mart holds: by record id, or by what the mart says of them.
KEPT = {
    # Those that newer ones replace, too.
    "hub_models": "select record_id from marts.model_history "
    "join marts.models using (model_id) where model_history.status = 'listed'",
    # A config without any structural key still names its model and its class.
    "hub_configs": "select record_id from intermediate.int_config_records "
    "join marts.models using (model_id) where rejection_reason is null",
    "open_llm_leaderboard_v1": "select record_id from marts.benchmark_results "
    "where leaderboard = 'open_llm_v1'",
    "open_llm_leaderboard_v2": "select record_id from marts.benchmark_results "
    "where leaderboard = 'open_llm_v2'",
    "bigcodebench": "select record_id from marts.benchmark_results "
    "where leaderboard = 'bigcodebench'",
    "open_llm_v1_results": "select record_id from marts.benchmark_results "
    "where leaderboard = 'open_llm_v1'",
    "hub_leaderboards": "select unnest(ranking_records) from intermediate.int_hub_results",
    "pretraining_compute": "select record_id from intermediate.int_pretraining_compute as s "
    "join marts.pretraining_compute as m on s.model_id = m.model_id and s.source = m.source "
    "and s.tokens_trillion is not distinct from m.tokens_trillion "
    "where s.rejection_reason is null",
}
#: Marts that describe columns, and so have rows without any model.
ONE_ROW_PER_COLUMN = (
    "column_statistics",
    "column_statistics_comparison",
    "imputation_accuracy",
)


#: Knowledge of model classes: no record of it says something of a model.
REFERENCE = {"config_schema", "parameter_terms"}
#: What crawls saw rather than what somebody states of a model.
OBSERVATIONS = {"hub_benchmarks", "hub_crawls", "hub_model_history", "hub_removals"}


def test_every_raw_table_is_accounted_for() -> None:
    assert set(KEPT) | REFERENCE | OBSERVATIONS == {*RAW_TABLES, *CRAWLED_TABLES}


def landed(warehouse: Warehouse, table: str) -> set[str]:
    """List the records of a table from its files alone."""
    found = set()
    for name, path in batches(warehouse.data / "landing"):
        if name == table:
            (count,) = duckdb.sql(f"select count(*) from '{path}'").fetchall()[0]
            found |= {f"{path.stem}:{row}" for row in range(count)}
    return found


def records(warehouse: Warehouse, query: str, *parameters: object) -> set[str]:
    return {record for (record,) in warehouse.rows(query, *parameters)}


@pytest.mark.parametrize("table", KEPT)
@pytest.mark.parametrize("zone", ["odd", "snapshot"])
def test_every_landed_record_is_kept_or_set_aside(
    request: pytest.FixtureRequest, zone: str, table: str
) -> None:
    warehouse = request.getfixturevalue(zone)
    whole = records(
        warehouse,
        "select record_id from marts.rejected_records where rejected_from = ? and field = ''",
        table,
    )
    parts = records(
        warehouse,
        "select record_id from marts.rejected_records "
        "where rejected_from in (?, 'structure_values')",
        table,
    )
    kept = records(warehouse, KEPT[table])
    everything = landed(warehouse, table)
    assert everything or (zone, table in CRAWLED_TABLES) == ("snapshot", True)
    assert everything - kept - parts == set()
    assert kept & whole == set()


@pytest.mark.parametrize("zone", ["odd", "snapshot", "mutated"])
def test_values_come_from_records_that_are_kept(
    request: pytest.FixtureRequest, zone: str
) -> None:
    warehouse = request.getfixturevalue(zone)
    sources = records(
        warehouse,
        "select record_id from marts.structure_values where record_id is not null union "
        "select record_id from marts.rejected_records where rejected_from = 'structure_values'",
    )
    assert sources
    assert sources <= records(warehouse, KEPT["hub_configs"])


def test_ids_that_are_none_are_set_aside_everywhere(odd: Warehouse) -> None:
    assert odd.one("select count(*) from marts.models where model_id = any(?)", list(BAD_IDS)) == (
        0,
    )
    tables = odd.rows(
        "select rejected_from, count(*) from marts.rejected_records "
        "where reason = 'invalid_model_id' and model_id is distinct from 'odd/wr..ong' "
        "group by all order by all"
    )
    n = len(BAD_IDS)
    assert tables == [
        ("hub_configs", n + 1),
        ("hub_leaderboards", 1),
        ("hub_models", n + 1),
        ("open_llm_leaderboard_v1", n),
        ("open_llm_leaderboard_v2", n),
        ("open_llm_v1_results", 1),
        ("pretraining_compute", n),
    ]


def test_every_reason_comes_with_a_meaning_and_a_remedy(odd: Warehouse) -> None:
    blank = "select count(*) from marts.rejected_records where '' in (meaning, remedy)"
    assert odd.one(blank) == (0,)


def test_empty_tables_build_in_a_folder_with_an_odd_name(tmp_path: Path) -> None:
    data = tmp_path / "my data 💾"
    prepare(data / "landing")
    done = run_dbt(data, tmp_path / "target")
    assert done.returncode == 0, done.stdout + done.stderr
    warehouse = Warehouse(data)
    marts = warehouse.rows("select table_name from duckdb_tables() where schema_name = 'marts'")
    assert len(marts) >= 9
    for (mart,) in marts:
        count = f"select count(*) from marts.{mart}"
        assert mart in ONE_ROW_PER_COLUMN or warehouse.one(count) == (0,)


def test_building_again_gives_the_same_marts(
    odd: Warehouse, build: Callable[..., Warehouse], tmp_path: Path
) -> None:
    def contents(warehouse: Warehouse) -> dict[str, tuple]:
        tables = warehouse.rows(
            "select table_name from duckdb_tables() where schema_name = 'marts' order by all"
        )
        query = "select count(*), bit_xor(hash(t)) from marts.{} as t"
        return {name: warehouse.one(query.format(name)) for (name,) in tables}

    before = contents(odd)
    data = tmp_path / "data"
    shutil.copytree(odd.data, data)
    assert contents(build(data, TZ="America/Los_Angeles")) == before
