"""Builds that take in new batches, against builds of everything at once."""

import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from extract.land_snapshot import SNAPSHOT
from modelstrata.landing import prepare
from orchestration.dbt_cli import manifest, work_tables
from tests.dbt_project.conftest import TABLES, Warehouse, land_schema, run_dbt, start_dbt
from tests.dbt_project.odd_hub_results import archived, entry, ranking
from tests.dbt_project.zone import code, compute, config, land, listing, v1, v2

#: Share of the snapshot's models in the first batch, and of their rows that come in later ones.
_MODELS, _LATER = 16, 9
_ID = {
    "hub_models": "model_id",
    "hub_configs": "model_id",
    "open_llm_leaderboard_v1": '"Model"',
    "open_llm_leaderboard_v2": "fullname",
    "bigcodebench": "coalesce(link, name)",
    "pretraining_compute": "model_id",
}
_LLAMA = {"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 22}
_LLAMA |= {"num_attention_heads": 32, "num_key_value_heads": 4, "intermediate_size": 5632}
_LLAMA |= {"vocab_size": 32000, "head_dim": 64, "tie_word_embeddings": False}
#: What `_LLAMA` counts.
_PARAMETERS = 1_100_048_384


def test_new_batches_give_what_a_build_of_everything_gives(
    build: Callable[..., Warehouse], tmp_path: Path
) -> None:
    data = tmp_path / "grown"
    _land_first(data / "landing")
    first = build(data)
    chosen = "select size_source from marts.model_structures where model_id = 'f/unstated'"
    assert first.one(chosen) == ("computed",)
    assert _id_of(first, "case/model") == "Case/model"
    assert _id_of(first, "solo-1b-of-a-test") == "a/solo-1b-of-a-test"
    first.connection.close()
    before = hashes(data)

    assert _changed(before, data, build) == set()

    _land_second(data / "landing")
    # Stopped where sizes are new and what follows them is not, and so for families.
    for reached in ("int_model_sizes", "models"):
        build(data, ("run", "--select", f"+{reached}")).connection.close()
    second = build(data)
    # A listing settles the spelling, a second model of the name leaves the study without one, and
    # sizes stated later speak against the formula.
    assert _id_of(second, "case/model") == "Case/Model"
    assert _id_of(second, "solo-1b-of-a-test") is None
    assert second.one(chosen) == ("open_llm_v1_truncated",)
    assert second.one("select likes from marts.models where model_id = 'n/listed'") == (9,)
    assert second.rows(
        "select record_id, likes from marts.model_history where model_id = 'n/listed' order by all"
    ) == [("hand:0", 5), ("hand:1", 4), ("second:0", 9), ("second:1", 1)]
    # Only what the second batch speaks of was worked on.
    (changed,) = second.one("select count(*) from intermediate.int_model_ids")
    (models,) = second.one("select count(*) from marts.models")
    assert 0 < changed < models / 2
    second.connection.close()

    _land_rest(data / "landing")
    _kill_in_the_middle(data, tmp_path / "target")
    build(data).connection.close()

    whole = tmp_path / "whole"
    shutil.copytree(data / "landing", whole / "landing")
    # The same tables, and so the same outcome of dbt's tests.
    build(whole, TABLES).connection.close()
    assert hashes(data) == hashes(whole)


def test_the_table_of_batches_is_built_after_all_that_rests_on_them() -> None:
    """Tables are left as they are where it names every batch: none may still be to come."""
    nodes = manifest()["nodes"]
    (last,) = (key for key, node in nodes.items() if node["name"] == "int_batches_built")
    before, waiting = set(), [last]
    while waiting:
        key = waiting.pop()
        if key in nodes and key not in before:
            before.add(key)
            waiting.extend(nodes[key]["depends_on"].get("nodes", []))
    models = {
        key
        for key, node in nodes.items()
        if node["resource_type"] == "model" and "results" not in node["tags"]
    }
    assert models <= before


def test_other_code_and_a_full_refresh_build_everything_anew(
    build: Callable[..., Warehouse], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    prepare(data / "landing")
    land_schema(data / "landing")
    land(data / "landing", "hub_models", "one", [listing("o/kept", {"likes": 1})])
    likes = "select model_id, likes from marts.models order by all"
    assert build(data, TABLES).rows(likes) == [("o/kept", 1)]
    # An overwritten batch, which the landing zone forbids, shows what is read again.
    land(data / "landing", "hub_models", "one", [listing("o/kept", {"likes": 2})])
    assert build(data, TABLES).rows(likes) == [("o/kept", 1)]
    assert build(data, TABLES, MODELSTRATA_CODE="other").rows(likes) == [("o/kept", 2)]
    land(data / "landing", "hub_models", "one", [listing("o/kept", {"likes": 3})])
    done = run_dbt(data, tmp_path / "target", (*TABLES, "--full-refresh"), MODELSTRATA_CODE="other")
    assert done.returncode == 0, done.stdout + done.stderr
    assert Warehouse(data).rows(likes) == [("o/kept", 3)]


def test_records_that_waited_for_their_day_are_taken_in_without_a_new_batch(
    build: Callable[..., Warehouse], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    prepare(data / "landing")
    early = "2026-12-24T08:00:00Z"
    table = "open_llm_leaderboard_v1"
    land(data / "landing", table, "one", [v1("o/early", date=early), v1("o/known")])
    link = "https://huggingface.co/o/code"
    land(data / "landing", "bigcodebench", "one", [code("code", link, date="2026-12-24")])
    models = "select model_id from marts.models order by all"
    waiting = build(data, TABLES, MODELSTRATA_TODAY="2026-11-22")
    assert waiting.rows(models) == [("o/known",)]
    assert waiting.reasons("o/early", table) == [("", "from_the_future")]
    waiting.connection.close()
    before = hashes(data)
    build(data, TABLES, MODELSTRATA_TODAY="2026-12-22").connection.close()
    assert hashes(data) == before
    came = build(data, TABLES, MODELSTRATA_TODAY="2026-12-23")
    assert came.rows(models) == [("o/code",), ("o/early",), ("o/known",)]
    came.connection.close()
    whole = tmp_path / "whole"
    shutil.copytree(data / "landing", whole / "landing")
    build(whole, TABLES, MODELSTRATA_TODAY="2026-12-23").connection.close()
    assert hashes(data) == hashes(whole)


def _id_of(warehouse: Warehouse, seen: str) -> str | None:
    """Return the model that a landed id leads to, by any way."""
    query = """
        select model_id from intermediate.int_pretraining_compute where stated_id = $1
        union all
        select model_id from intermediate.int_model_aliases
        where seen_id = $1 and not exists (
            from intermediate.int_pretraining_compute where stated_id = $1
        )
    """
    ((model,),) = warehouse.rows(query, seen)
    return model


def _land_first(landing: Path) -> None:
    prepare(landing)
    land_schema(landing)
    _land_share(landing, "first", f"hash(id, 1) % {_LATER} > 1")
    land(
        landing,
        "hub_models",
        "hand",
        [
            listing("n/listed", {"likes": 5}, crawled="2026-10-05"),
            listing("n/listed", {"likes": 4}, crawled="2026-09-05"),
            listing("f/first", {"safetensors": {"total": _PARAMETERS}}),
            listing("o/tuned", {"tags": ["base_model:o/base-of-a-test"]}),
        ],
    )
    land(
        landing,
        "hub_configs",
        "hand",
        [
            config("case/model", {**_LLAMA, "num_hidden_layers": 3}),
            config("bert-base-cased", {"model_type": "bert", "hidden_size": 768}),
            *(config(f"f/{name}", _LLAMA) for name in ("first", "unstated", "second", "third")),
        ],
    )
    land(
        landing,
        "open_llm_leaderboard_v1",
        "hand",
        [v1("f/unstated", **{"#Params (B)": 1}), v1("o/tuned", 40.0), v1("Case/model", 41.0)],
    )
    results = [entry("cais/hle", 20, "hle"), entry("own/set", 3, "own")]
    land(landing, "hub_models", "results", [listing("h/own", {"evalResults": results})])
    rankings = [ranking("h/own", 20, "hle"), *(ranking(f"h/{n}", 5, "hle") for n in "ab")]
    land(landing, "hub_leaderboards", "hand", rankings)
    land(landing, "open_llm_v1_results", "hand", [archived("h/own", 0.3), archived("h/a", 0.4)])
    land(landing, "pretraining_compute", "hand", [compute("solo-1b-of-a-test")])
    land(landing, "open_llm_leaderboard_v2", "hand", [v2("a/solo-1b-of-a-test")])


def _land_second(landing: Path) -> None:
    _land_share(landing, "later", f"hash(id, 1) % {_LATER} = 0")
    land(
        landing,
        "hub_models",
        "second",
        [
            listing("n/listed", {"likes": 9}, crawled="2026-11-05"),
            listing("n/listed", {"likes": 1}, crawled="2026-08-05"),
            listing("Case/Model", {"likes": 1}),
            listing("o/base-of-a-test", {"tags": ["base_model:o/root-of-a-test"]}),
            listing("o/root-of-a-test", {"config": {"model_type": "llama"}}),
            listing("Google-bert/BERT-base-cased", {"likes": 3, "downloads": 7}),
            # Most stated sizes of llama are now half of what its formula counts.
            *(
                listing(f"f/more-{n}", {"safetensors": {"total": _PARAMETERS // 2}})
                for n in range(400)
            ),
        ],
    )
    land(
        landing,
        "hub_configs",
        "second",
        [
            config("n/listed", {**_LLAMA, "num_hidden_layers": 21}),
            *(config(f"f/more-{n}", _LLAMA) for n in range(400)),
        ],
    )
    land(landing, "bigcodebench", "second", [code("solo", "https://huggingface.co/b/solo-1b-of-a-test")])


def _land_rest(landing: Path) -> None:
    _land_share(landing, "last", f"hash(id, 1) % {_LATER} = 1")
    land(landing, "hub_models", "third", [listing("CASE/model", {"downloads": 99})])
    land(landing, "hub_configs", "third", [config("o/tuned", {**_LLAMA, "vocab_size": 32001})])
    land(landing, "hub_models", "fourth", [])
    # One model left the leaderboard, one changed, and the final table has what the archive had.
    rankings = [ranking("h/own", 20, "hle", "2026-11-03"), ranking("h/b", 6, "hle", "2026-11-03")]
    land(landing, "hub_leaderboards", "third", rankings)
    tabulated = {"Precision": "float16", "Model sha": "s1"}
    land(landing, "open_llm_leaderboard_v1", "third", [v1("h/own", 30.0, **tabulated)])
    newer = archived("h/a", 0.5, evaluated_at="2024-02-01T00:00:00")
    land(landing, "open_llm_v1_results", "third", [newer])
    land(landing, "hub_benchmarks", "third", [{"dataset_id": "cais/hle", "payload": "{}"}])


def _land_share(landing: Path, batch: str, condition: str) -> None:
    """Land part of the snapshot's rows of a sixteenth of its models."""
    with duckdb.connect() as connection:
        for table, model in _ID.items():
            rows = connection.sql(
                f"select * exclude (id) from (select *, {model} as id "
                f"from read_parquet('{SNAPSHOT / table}.parquet')) "
                f"where hash(lower(id), 0) % {_MODELS} = 0 and {condition}"
            )
            rows.write_parquet(str(landing / table / f"{batch}.parquet"))


def hashes(data: Path) -> dict[str, tuple[int, int]]:
    """Hash each table but those that hold only what a build changed, whatever the rows' order."""
    work = work_tables()
    with duckdb.connect(str(data / "dev" / "warehouse.duckdb"), read_only=True) as connection:
        tables = connection.execute(
            "select schema_name || '.' || table_name from duckdb_tables() "
            "where schema_name in ('staging', 'intermediate', 'marts')"
        ).fetchall()
        return {
            table: connection.execute(
                f"select count(*), sum(hash(t)::hugeint) from {table} as t"
            ).fetchall()[0]
            for (table,) in tables
            if table not in work
        }


def _changed(
    before: dict[str, tuple[int, int]], data: Path, build: Callable[..., Warehouse]
) -> set[str]:
    build(data, TABLES).connection.close()
    after = hashes(data)
    return {table for table in before | after if before.get(table) != after.get(table)}


def _kill_in_the_middle(data: Path, target: Path) -> None:
    """Kill a build when some of the kept tables have the new rows and others do not."""
    process = start_dbt(data, target)
    assert process.stdout is not None
    for line in process.stdout:
        if "OK created sql incremental model intermediate.int_model_aliases" in line:
            break
    else:
        pytest.fail("the build ended before it could be killed")
    process.kill()
    process.wait()
