"""The jobs that publish a release and compact listings, as the Dagster page starts them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from huggingface_hub import constants, set_client_factory
from huggingface_hub.utils._http import default_client_factory

from extract.hub.__main__ import main
from extract.hub.errors import HubError
from modelstrata.landing import batches, prepare
from modelstrata.settings import Settings
from orchestration.definitions import defs
from orchestration.hub_steps import ListingConfig
from tests.dbt_project.zone import land, listing
from tests.hub.server import HubServer
from tests.release.published import REPO, assert_whole
from tests.release.warehouses import write_warehouse


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Serve an empty Hub, and point the settings there."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with HubServer() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setenv("MODELSTRATA_DATA", str(tmp_path))
        yield hub
    set_client_factory(default_client_factory)


def run(job: str, step: str, **config: Any) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def(job).execute_in_process(
        run_config={"ops": {step: {"config": config}}}, raise_on_error=False
    )


def test_a_release_is_published_once(hub: HubServer, tmp_path: Path) -> None:
    write_warehouse(tmp_path / "warehouse.duckdb")
    sent = []
    for _ in range(2):
        done = run("publish_release", "hub_release", repo=REPO)
        assert done.success
        (event,) = done.asset_materializations_for_node("hub_release")
        told = {name: value.value for name, value in event.metadata.items()}
        sent.append(told.pop("files_sent"))
        assert hub.token not in str(done.all_events) + str(told)
        assert not told["is_public"]
    assert sent[0] > len(list(Settings().releases.glob("*/data/*"))) and sent[1] == 0
    (folder,) = Settings().releases.glob("[!.]*")
    assert_whole(hub, folder)
    failed = run("publish_release", "hub_release", repo="../elsewhere")
    assert not failed.success
    (failure,) = failed.filter_events(lambda event: event.is_step_failure)
    assert "../elsewhere" in str(failure.event_specific_data)


def test_listings_are_compacted(hub: HubServer, tmp_path: Path) -> None:
    landing = tmp_path / "landing"
    prepare(landing)
    for day in ("01", "02"):
        batch = f"hub-202610{day}T000000Z-0000{day}-abcdef"
        row = listing("a/m", {"likes": 1}, f"2026-10-{day}", status="ok")
        land(landing, "hub_models", batch, [row], status="VARCHAR")
    assert run("compact", "compact_listings", older_than_days=0.0).success
    tables = [table for table, _ in batches(landing)]
    assert sorted(tables) == ["hub_model_history", "hub_models"]


@pytest.mark.parametrize("day", ["yesterday", "2026-11-31"])
def test_a_day_that_is_none_is_named_with_what_to_give_by_job_and_command(
    day: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["--since", day])
    sentence = f"since is {day!r}: give a day, such as 2026-11-01."
    assert sentence in capsys.readouterr().err
    with pytest.raises(HubError, match=f"^{sentence}$"):
        ListingConfig(since=day).scope(Settings())
