"""The seed that says what each mart quotes, held against the project."""

import csv
from typing import Any

from modelstrata.landing_schema import RESULT_TABLES
from modelstrata.settings import DBT_PROJECT
from orchestration.dbt_cli import manifest


def seed(name: str) -> list[dict[str, str]]:
    with (DBT_PROJECT / "seeds" / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def landing_tables_above(node: str, parents: dict[str, list[str]]) -> set[str]:
    """Return the landing tables that a model reads, by whatever way."""
    seen, open_ = set(), [node]
    while open_:
        for parent in parents.get(open_.pop(), []):
            if parent not in seen:
                seen.add(parent)
                open_.append(parent)
    return {name.split(".")[-1] for name in seen if name.startswith("source.")}


def marts() -> dict[str, dict[str, Any]]:
    nodes = manifest()["nodes"].values()
    return {n["name"]: n for n in nodes if n["resource_type"] == "model" and n["schema"] == "marts"}


def test_every_mart_says_what_it_quotes_of_what_it_reads() -> None:
    quotes = {row["mart"]: set(row["quotes"].split()) for row in seed("release_tables")}
    parents = manifest()["parent_map"]
    assert set(quotes) == set(marts())
    for name, node in marts().items():
        above = landing_tables_above(node["unique_id"], parents)
        assert quotes[name] <= above, name
        # Rows that name a model are records of someone's, unless this project measured them.
        columns = {c.removeprefix("best_") for c in node["columns"]}
        names_models = bool(columns & {"model_id", "model", "model_so_far"})
        assert quotes[name] or not names_models or above <= set(RESULT_TABLES), name


def test_every_landing_table_that_is_read_is_quoted_and_has_a_source() -> None:
    """A source that comes later must be declared, or the switch would not know of it."""
    parents = manifest()["parent_map"]
    read = set().union(*(landing_tables_above(n["unique_id"], parents) for n in marts().values()))
    described = {row["landing_table"] for row in seed("data_sources")}
    quoted = set().union(*(row["quotes"].split() for row in seed("release_tables")))
    raw = read - set(RESULT_TABLES)
    assert raw <= described
    # What transformers knows of its classes is in no table as it stands: rules are applied. The
    # log of crawls is this project's own.
    assert raw - quoted == {"config_schema", "parameter_terms", "hub_crawls"}
