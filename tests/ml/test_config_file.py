"""One config.json resolves to what its class says, and to what dbt resolves it to."""

from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from extract.land_snapshot import SNAPSHOT
from ml.config_file import resolve_config
from ml.config_rules import ConfigRules
from ml.parameter_count import count_parameters
from modelstrata.errors import ConfigError


@pytest.fixture(scope="module")
def warehouse(built: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(built / "warehouse.duckdb"), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def rules(warehouse: duckdb.DuckDBPyConnection) -> ConfigRules:
    return ConfigRules(warehouse)


@pytest.mark.parametrize("form", ["full", "diff", "bare"])
def test_a_config_that_a_class_wrote_resolves_to_what_the_class_says(
    rules: ConfigRules, form: str
) -> None:
    pytest.importorskip("transformers")
    from tests.dbt_project import written_configs

    wrong, n_checked = {}, 0
    ranges = rules.ranges()
    for model_type in written_configs.model_types():
        if written_configs.class_default(model_type) is None:
            continue
        said = written_configs.fields(model_type)
        if not said:
            continue
        found = resolve_config(rules, written_configs.texts(model_type)[form], model_type).values
        for field, value in said.items():
            n_checked += 1
            # XLNet gives its length as -1, which means that there is no limit.
            low, high = ranges[field]
            expected = value if low <= value <= high else None
            if found.get(field) != expected:
                wrong[model_type, field] = (expected, found.get(field))
    assert not wrong, f"{len(wrong)} of {n_checked}: {wrong}"
    assert n_checked > 1500


def test_landed_verbatim_configs_resolve_as_dbt_resolved_them(
    warehouse: duckdb.DuckDBPyConnection, rules: ConfigRules
) -> None:
    fields = [name for name in rules.fields if name != "expansion_ratio"]
    rows = warehouse.execute(
        f"select snapshot.config, schema_type, {', '.join(fields)} "
        "from staging.stg_landing__hub_configs as resolved "
        f"inner join '{SNAPSHOT}/hub_configs.parquet' as snapshot using (model_id, source) "
        "where resolved.completeness = 'verbatim' and rejection_reason is null"
    ).fetchall()
    assert len(rows) > 30
    for text, schema_type, *values in rows:
        found = resolve_config(rules, text, "config.json")
        expected = {n: v for n, v in zip(fields, values, strict=True) if v is not None}
        got = {n: v for n, v in found.values.items() if n != "expansion_ratio"}
        assert (found.schema_type, got) == (schema_type, expected)


def test_parameters_are_counted_as_the_warehouse_counts_them(
    warehouse: duckdb.DuckDBPyConnection, rules: ConfigRules
) -> None:
    rows = warehouse.execute(
        "select config, sum(parameters)::bigint from marts.parameter_counts "
        f"inner join '{SNAPSHOT}/hub_configs.parquet' as snapshot using (model_id) "
        "where completeness = 'verbatim' and model_id in (select model_id "
        "from staging.stg_landing__hub_configs group by model_id having count(*) = 1) "
        "group by model_id, config having count(parameters) = count(*)"
    ).fetchall()
    assert len(rows) >= 8
    for text, parameters in rows:
        counted = count_parameters(warehouse, rules, resolve_config(rules, text, "config.json"))
        assert counted is not None
        assert counted.size * 1e9 == pytest.approx(parameters, abs=20)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{'hidden_size': 64}", "is no JSON"),
        ("[1]", "no JSON object but a list"),
        ("{}", "no structural field"),
        ('{"vision_config": {"hidden_size": 64}}', "no structural field"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_config_is_named(rules: ConfigRules, text: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        resolve_config(rules, text, "x.json")
