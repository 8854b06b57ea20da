"""A crawl lands the Hub as it is, once, and the next one only what is different."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelstrata.landing import batches as landed_batches
from modelstrata.landing import check_file
from tests.extract.crawls import asked, batches, by_id, crawl, crawl_here, landed
from tests.hub.server import HubServer

MODELS = 500
CONFIG = {"model_type": "llama", "hidden_size": 64}


@pytest.fixture(scope="module")
def crawled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[HubServer, Path]]:
    """Return a Hub and the data folder of its first crawl."""
    data = tmp_path_factory.mktemp("crawled")
    with HubServer(MODELS) as hub:
        crawl(hub, data)
        yield hub, data


def test_every_model_lands_verbatim_before_its_config_is_asked_for(
    crawled: tuple[HubServer, Path],
) -> None:
    hub, data = crawled
    rows = by_id(landed(data, "hub_models"))
    assert sorted(rows) == sorted(hub.model_ids())
    for model_id in hub.model_ids(0, 50):
        counted = hub.state.downloads[model_id]
        told = hub.describe(model_id)
        payload = json.loads(rows[model_id]["payload"])
        assert payload["downloads"] == told["downloads"] - counted
        for name in ("sha", "tags", "siblings", "cardData", "config", "createdAt"):
            assert payload.get(name) == told.get(name)
        assert rows[model_id]["sha"] == told["sha"]
        assert rows[model_id]["source"] == "hub"


def test_configs_are_the_files_texts_and_each_is_asked_for_once(
    crawled: tuple[HubServer, Path],
) -> None:
    hub, data = crawled
    has_config = [
        model_id
        for model_id in hub.model_ids()
        if {"rfilename": "config.json"} in hub.describe(model_id)["siblings"]
    ]
    assert sorted(asked(hub)) == sorted(has_config)
    rows = by_id(landed(data, "hub_configs"))
    assert sorted(rows) == sorted(has_config)
    statuses = Counter(row["status"] for row in rows.values())
    assert {"ok", "gated"} <= set(statuses) <= {"ok", "gated", "error", "not_json"}
    for model_id, row in rows.items():
        assert row["sha"] == hub.describe(model_id)["sha"]
        if row["status"] in ("ok", "not_json"):
            file = hub.read(model_id, "config.json")
            assert row["raw"] == file or row["config"].encode() == file
            assert row["completeness"] == "verbatim"
            assert row["bytes"] == len(file)
            assert row["etag"]
        else:
            assert row["config"] is row["raw"] is row["completeness"] is None


def test_landed_batches_pass_the_landing_zones_own_check(
    crawled: tuple[HubServer, Path],
) -> None:
    _, data = crawled
    found = landed_batches(data / "landing")
    assert {table for table, _ in found} == {"hub_models", "hub_configs", "hub_crawls"}
    for table, path in found:
        check_file(table, path)


def test_a_second_crawl_costs_the_listing_and_lands_nothing(
    crawled: tuple[HubServer, Path],
) -> None:
    hub, data = crawled
    before = batches(data)
    hub.clear_log()
    said = crawl_here(hub, data)
    assert [r["path"] for r in hub.requests()] == ["/api/models"]
    assert batches(data) == before
    assert "0 new or changed" in said


def test_counts_that_moved_land_again_only_after_some_days(tmp_path: Path) -> None:
    with HubServer(20) as hub:
        crawl_here(hub, tmp_path)
        model_id = hub.model_ids(0, 1)[0]
        hub.update(model_id, downloads=7, likes=3)
        crawl_here(hub, tmp_path)
        assert len(landed(tmp_path, "hub_models")) == 20
        # Nor is it news that another crawl of the same day has ended.
        ended = landed(tmp_path, "hub_crawls")
        assert len({row["started_at"].date() for row in ended}) == len(ended)
        assert {(row["is_whole"], row["models"]) for row in ended} == {(True, 20)}
        crawl_here(hub, tmp_path, "--refresh-counts", "0")
        again = [row for row in landed(tmp_path, "hub_models") if row["model_id"] == model_id]
        assert [json.loads(row["payload"])["likes"] for row in again][-1] == 3


def test_what_is_new_changed_renamed_gated_opened_or_removed_is_noticed(tmp_path: Path) -> None:
    with HubServer(40) as hub:
        for name in ("changed", "renamed", "removed", "to-be-gated", "tag-only"):
            hub.add_model(f"acme/{name}", CONFIG)
        hub.add_model("acme/to-be-opened", CONFIG, gated="auto")
        crawl_here(hub, tmp_path)
        assert by_id(landed(tmp_path, "hub_configs"))["acme/to-be-opened"]["status"] == "gated"
        known = len(landed(tmp_path, "hub_models"))
        old_sha = hub.describe("acme/removed")["sha"]

        hub.add_model("acme/new", CONFIG)
        hub.commit("acme/changed", {"config.json": b'{"hidden_size": 128}'})
        hub.rename("acme/renamed", "acme/other-name")
        hub.remove("acme/removed")
        hub.update("acme/to-be-gated", gated="manual")
        hub.update("acme/to-be-opened", gated=False)
        hub.update("acme/tag-only", tags=["new-tag"])
        hub.clear_log()
        said = crawl_here(hub, tmp_path)

        news = {row["model_id"] for row in landed(tmp_path, "hub_models")[known:]}
        assert news == {
            *("acme/new", "acme/changed", "acme/other-name"),
            *("acme/to-be-gated", "acme/to-be-opened", "acme/tag-only"),
        }
        assert sorted(asked(hub)) == [
            *("acme/changed", "acme/new", "acme/other-name", "acme/to-be-opened")
        ]
        configs = landed(tmp_path, "hub_configs")
        assert '{"hidden_size": 128}' in [row["config"] for row in configs]
        opened = [row["status"] for row in configs if row["model_id"] == "acme/to-be-opened"]
        assert sorted(opened) == ["gated", "ok"]
        gone = by_id(landed(tmp_path, "hub_removals"))
        assert gone["acme/removed"]["status"] == "removed"
        assert gone["acme/removed"]["sha"] == old_sha
        assert gone["acme/renamed"]["status"] == "renamed"
        assert gone["acme/renamed"]["renamed_to"] == "acme/other-name"
        assert len(gone) == 2
        assert "2 gone or renamed" in said

        # Nothing of it lands a third time, and who comes back is new.
        before = batches(tmp_path)
        crawl_here(hub, tmp_path)
        assert batches(tmp_path) == before
        hub.add_model("acme/removed", CONFIG)
        crawl_here(hub, tmp_path)
        back = [r for r in landed(tmp_path, "hub_models") if r["model_id"] == "acme/removed"]
        assert len(back) == 2


def test_a_model_that_a_listing_leaves_out_is_not_taken_for_removed(tmp_path: Path) -> None:
    with HubServer() as hub:
        hub.add_model("acme/writer", CONFIG, pipeline_tag="text-generation")
        hub.add_model("acme/painter", CONFIG, pipeline_tag="text-to-image")
        crawl_here(hub, tmp_path)
        hub.update("acme/writer", pipeline_tag="summarization")
        crawl_here(hub, tmp_path, "--text-generation")
        assert landed(tmp_path, "hub_removals") == []
        again = landed(tmp_path, "hub_models")[-1]
        assert json.loads(again["payload"])["pipeline_tag"] == "summarization"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--author", "acme"], {"acme/old", "acme/popular", "acme/fresh"}),
        (["--text-generation"], {"acme/fresh", "other/writer"}),
        (["--since", "2026-11-10"], {"acme/fresh", "other/writer"}),
        (["--min-downloads", "1000"], {"acme/popular", "other/writer"}),
        (["--since", "2026-11-10", "--min-downloads", "1000"], {"other/writer"}),
        (["--author", "acme", "--text-generation"], {"acme/fresh"}),
    ],
)
def test_scopes(tmp_path: Path, arguments: list[str], expected: set[str]) -> None:
    with HubServer() as hub:
        known = {
            "acme/old": ("2024-01-01", 10, "text-to-image"),
            "acme/popular": ("2025-01-01", 5000, "text-to-image"),
            "acme/fresh": ("2026-11-10", 10, "text-generation"),
            "other/writer": ("2026-11-12", 1000, "text-generation"),
            "other/painter": ("2023-01-01", 999, "text-to-image"),
        }
        for model_id, (day, downloads, tag) in known.items():
            day = f"{day}T00:00:00.000Z"
            hub.add_model(model_id, CONFIG, lastModified=day, downloads=downloads, pipeline_tag=tag)
        crawl_here(hub, tmp_path, *arguments)
        assert set(by_id(landed(tmp_path, "hub_models"))) == expected
        assert set(by_id(landed(tmp_path, "hub_configs"))) == expected


def test_a_limit_is_kept_and_bounds_end_a_listing_early(tmp_path: Path) -> None:
    pages = ("--page-size", "20")
    with HubServer(200) as hub:
        crawl_here(hub, tmp_path / "limit", "--limit", "50", *pages)
        assert len(landed(tmp_path / "limit", "hub_models")) == 50
        downloads = sorted(hub.describe(m)["downloads"] for m in hub.model_ids())
        hub.clear_log()
        crawl_here(hub, tmp_path / "bound", "--min-downloads", str(downloads[-30]), *pages)
        assert 30 <= len(landed(tmp_path / "bound", "hub_models")) < 40
        assert len(hub.requests("/api/models")) == 2


def test_ids_of_a_list_each_get_a_row(tmp_path: Path) -> None:
    listed = tmp_path / "models_list.txt"
    listed.write_text(
        "# what we need\nacme/one\nacme/one\nacme/gone  # a comment\nacme/old-name\n"
        "../../etc/passwd\nacme/two--dashes\n\n",
        encoding="utf-8",
    )
    with HubServer() as hub:
        hub.add_model("acme/one", CONFIG)
        hub.add_model("acme/old-name", CONFIG)
        hub.rename("acme/old-name", "acme/new-name")
        for _ in range(2):  # the second time nothing lands
            crawl_here(hub, tmp_path, "--ids", str(listed))
            assert set(by_id(landed(tmp_path, "hub_models"))) == {"acme/one", "acme/new-name"}
            assert set(by_id(landed(tmp_path, "hub_configs"))) == {"acme/one", "acme/new-name"}
            gone = by_id(landed(tmp_path, "hub_removals"))
            assert {model_id: row["status"] for model_id, row in gone.items()} == {
                "acme/gone": "missing",
                "acme/old-name": "renamed",
                "../../etc/passwd": "invalid_id",
                "acme/two--dashes": "invalid_id",
            }
        assert not any("passwd" in request["path"] for request in hub.requests())
        hub.remove("acme/one")
        crawl_here(hub, tmp_path, "--ids", str(listed))
        assert by_id(landed(tmp_path, "hub_removals"))["acme/one"]["status"] == "removed"


def test_the_help_names_scopes_and_the_environment_and_a_dry_run_counts(tmp_path: Path) -> None:
    with HubServer(2500) as hub:
        said = crawl(hub, tmp_path, "--help")
        for word in ("--author", "--since", "--dry-run", "--ids", "HF_TOKEN", "HF_ENDPOINT"):
            assert word in said
        said = crawl_here(hub, tmp_path, "--dry-run")
        assert "3 requests for the listing" in said
        assert "counted: 2,500 models" in said
        assert {"anonymous", "free", "PRO", "Team", "Enterprise"} <= set(said.split())
        assert batches(tmp_path) == set()
        assert hub.requests("resolve-cache") == []
