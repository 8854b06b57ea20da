"""Crawl, change, crawl again, compact: what the marts know of each model, before and after."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import duckdb

from extract.hub.compact.compaction import compact
from modelstrata.settings import Settings
from tests.dbt_project.conftest import TABLES, Warehouse
from tests.dbt_project.test_increments import hashes
from tests.dbt_project.zone import Row, land, listing, v1
from tests.extract.crawls import crawl_here
from tests.hub.server import HubServer

_LLAMA = {"model_type": "llama", "hidden_size": 64, "num_hidden_layers": 2}
#: What staging holds of a batch, and which batches there are, is another after a compaction.
_OF_BATCHES = {"intermediate.int_batches_built", "intermediate.int_hub_listings_older"}


def test_history_outlives_compaction(build: Callable[..., Warehouse], tmp_path: Path) -> None:
    data = tmp_path / "data"
    ids = tmp_path / "ids.txt"
    ids.write_text("acme/never\nacme/moved-before\n")
    with HubServer(30) as hub:
        for name in ("kept", "changed", "removed", "renamed", "twice", "based"):
            hub.add_model(f"acme/{name}", _LLAMA, downloads=5, likes=1)
        hub.update("acme/based", baseModels={"relation": "finetune", "models": [{"id": "b/ONE"}]})
        hub.add_model("acme/moved-before", _LLAMA)
        hub.rename("acme/moved-before", "acme/moved")
        crawl_here(hub, data)
        crawl_here(hub, data, "--ids", str(ids))
        landing = data / "landing"
        land(landing, "open_llm_leaderboard_v1", "hand", [v1("acme/removed"), v1("acme/renamed")])
        land(landing, "hub_models", "hand", [listing("Acme/KEPT", {"likes": 1}, "2025-01-01")])
        first = build(data, TABLES)
        assert first.rows("select distinct status from marts.models order by all") == [("listed",)]
        assert first.reasons("acme/never", "hub_removals") == [("", "no_such_model")]
        first.connection.close()

        hub.commit("acme/changed", {"config.json": '{"model_type": "gpt2"}'})
        hub.update("acme/changed", downloads=9, likes=2, gated="auto")
        hub.update("acme/based", baseModels={"relation": "finetune", "models": [{"id": "b/two"}]})
        hub.remove("acme/removed")
        hub.rename("acme/renamed", "acme/renamed-1")
        hub.rename("acme/twice", "acme/twice-1")
        crawl_here(hub, data)
        hub.rename("acme/twice-1", "acme/twice-2")
        hub.update("acme/changed", likes=3)
        crawl_here(hub, data, "--refresh-counts", "0")

    # Later crawls by hand, of which the last knows nothing of these models.
    ((state, whole),) = duckdb.sql(
        f"select distinct state, is_whole from '{landing}/hub_crawls/hub-*.parquet' where is_whole"
    ).fetchall()
    assert whole
    later = {"is_whole": True, "finished_at": "2099-01-02 00:00:00+00"}
    scopes: list[Row] = [
        {"state": state, "author": "acme", "started_at": "2099-01-01 01:00:00+00"},
        {"state": state, "author": "b", "started_at": "2099-02-01 01:00:00+00"},
        {"state": "other", "started_at": "2099-03-01 01:00:00+00"},
    ]
    land(landing, "hub_crawls", "hand", [{**later, **scope} for scope in scopes])

    grown = build(data, TABLES)
    status = "select model_id, status, is_gated from marts.models where author = 'acme' order by all"
    assert grown.rows(status) == [
        ("acme/based", "listed", False),
        ("acme/changed", "listed", True),
        ("acme/kept", "listed", False),
        ("acme/moved", "listed", False),
        ("acme/removed", "removed", False),
        ("acme/renamed-1", "listed", False),
        ("acme/twice-2", "listed", False),
    ]
    # A score under the old id is the renamed model's; that of a removed one stays true.
    scored = "select distinct model_id from marts.benchmark_scores where model_id like 'acme/%' "
    scored += "order by all"
    assert grown.rows(scored) == [("acme/removed",), ("acme/renamed-1",)]
    seen = "select seen_id, status, renamed_to, likes from marts.model_history where model_id = ? "
    assert grown.rows(seen + "order by observed_at, likes", "acme/twice-2") == [
        ("acme/twice", "listed", None, 1),
        ("acme/twice-1", "listed", None, 1),
        ("acme/twice", "renamed", "acme/twice-1", None),
        ("acme/twice-2", "listed", None, 1),
        ("acme/twice-1", "renamed", "acme/twice-2", None),
    ]
    likes = "select likes from marts.model_history where model_id = 'acme/changed' order by observed_at"
    assert grown.rows(likes) == [(1,), (2,), (3,)]
    lives = "select first_seen_on::varchar, last_seen_on::varchar, gone_on::varchar, n_listings "
    lives += "from marts.model_lifetimes where model_id = ?"
    (today,) = grown.one(
        "select (observed_at at time zone 'UTC')::date::varchar from marts.model_history "
        "where seen_id = 'acme/removed' and status = 'listed'"
    )
    assert grown.one(lives, "acme/kept")[:3] == ("2025-01-01", "2099-01-01", None)
    first_seen, last_seen, gone, listings = grown.one(lives, "acme/removed")
    assert (first_seen, last_seen, listings) == (today, today, 1) and gone >= today
    assert grown.one(lives, "acme/twice-2")[:3] == (today, "2099-01-01", None)
    assert grown.one("select count(*) from intermediate.int_model_aliases where seen_id = 'b/ONE'") == (0,)
    grown.connection.close()
    before = hashes(data)

    done = compact(Settings(data=data), timedelta(0))
    assert done.slimmed > 5
    # Batches that it knew are gone, so that dbt builds everything anew; with its tests.
    build(data).connection.close()
    after = hashes(data)
    differing = {table for table in before | after if before.get(table) != after.get(table)}
    assert {table for table in differing if not table.startswith("staging.")} <= _OF_BATCHES
    assert before["marts.model_history"] == after["marts.model_history"]
