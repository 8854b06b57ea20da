"""A refresh as Dagster does it and as `make refresh` does, against a Hub on loopback."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest

from extract.hub.buckets import bucket_of
from extract.hub.session import crawl_lock
from modelstrata.landing import batches
from modelstrata.settings import Settings
from orchestration import jobs
from orchestration.definitions import defs
from orchestration.defs.hub import CONFIGS, LEADERBOARDS, LISTING
from orchestration.instance import prepare_instance
from orchestration.refresh import refresh
from orchestration.sensors import landing_sensor
from tests.extract.test_hub_leaderboards import SNAPSHOT, V1, V2, Site, archive
from tests.hub.server import HubServer

#: Models of two buckets.
_NAMES = [f"acme/m{number}" for number in range(200)]
FIRST, SECOND = sorted({bucket_of(name) for name in _NAMES})[:2]
MODELS = {b: [n for n in _NAMES if bucket_of(n) == b][:3] for b in (FIRST, SECOND)}
Status = dg.DagsterRunStatus


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """Serve six models of two buckets and all leaderboards; point the settings there."""
    site = Site()
    table = tmp_path / "contents.parquet"
    duckdb.sql(f"from '{SNAPSHOT}/open_llm_leaderboard_v2.parquet' limit 5").write_parquet(
        str(table)
    )
    with HubServer() as hub:
        for number, name in enumerate(n for names in MODELS.values() for n in names):
            hub.add_model(name, {"model_type": "llama", "hidden_size": 64 + number})
        hub.add_dataset(V1, archive())
        hub.add_dataset(V2, {"data/train-00000-of-00001.parquet": table.read_bytes()})
        for name in [n for n in os.environ if n.startswith(("HF_", "DAGSTER_"))]:
            monkeypatch.delenv(name)
        for name, value in {
            "HF_ENDPOINT": hub.url,
            "HF_TOKEN": hub.token,
            "MODELSTRATA_DATA": str(tmp_path / "data"),
            "MODELSTRATA_BIGCODEBENCH_SITE": site.url,
            "MODELSTRATA_CODE": "",
            "MODELSTRATA_MEMORY": "6GB",
            "DAGSTER_HOME": str(tmp_path / "data" / "dagster"),
        }.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("extract.hub.breaker._FIRST_WAIT_S", 0.01)
        yield hub
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def instance(hub: HubServer) -> Iterator[dg.DagsterInstance]:
    """Open the instance of the data folder."""
    prepare_instance(Settings())
    with dg.DagsterInstance.get() as instance:
        yield instance


def told(instance: dg.DagsterInstance, key: dg.AssetKey) -> dict[str, Any]:
    """Return the metadata of an asset's newest materialization."""
    event = instance.get_latest_materialization_event(key)
    assert event is not None and event.asset_materialization is not None
    return {name: value.value for name, value in event.asset_materialization.metadata.items()}


def asked(hub: HubServer) -> set[str]:
    """Return the models whose config was asked for."""
    paths = [request["path"] for request in hub.requests("resolve-cache/models")]
    return {"/".join(path.split("/")[4:-2]) for path in paths}


def crawled(settings: Settings) -> list[Path]:
    return [path for _, path in batches(settings.landing)]


def run(job: str, instance: dg.DagsterInstance, **options: Any) -> dg.ExecuteInProcessResult:
    """Execute a job as the daemon would start it."""
    return defs.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, **options
    )


def tick(instance: dg.DagsterInstance, cursor: str | None = None) -> tuple[Any, str | None]:
    """Evaluate the sensor; return what it said, and its cursor."""
    with dg.build_sensor_context(instance=instance, cursor=cursor, definitions=defs) as context:
        said = landing_sensor(context)
        return said, context.cursor


def test_the_command_lands_everything_and_an_unchanged_hub_costs_the_listing(
    hub: HubServer, instance: dg.DagsterInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings()
    assert refresh(settings) == ""
    assert asked(hub) == {name for names in MODELS.values() for name in names}
    listing = told(instance, LISTING)
    assert (listing["models"], listing["new"], listing["configs_due"]) == (6, 6, 6)
    assert (listing["changed"], listing["failed"], listing["requests"]) == (0, 0, 1)
    assert listing["seconds"] > 0
    done = instance.get_materialized_partitions(CONFIGS)
    assert done == {FIRST, SECOND}
    assert (told(instance, CONFIGS)["models"], told(instance, CONFIGS)["ok"]) == (3, 3)
    assert all(told(instance, key)["requests"] >= 0 for key in LEADERBOARDS)
    tables = {path.parent.name for path in crawled(settings)}
    assert tables == {
        *("hub_models", "hub_configs", "open_llm_v1_results", "open_llm_leaderboard_v2"),
        *("bigcodebench", "hub_benchmarks", "hub_crawls"),
    }

    before = crawled(settings)
    hub.clear_log()
    assert refresh(settings) == ""
    paths = [request["path"] for request in hub.requests()]
    assert paths.count("/api/models") == 1
    # The leaderboards ask whether there is news.
    assert {path.split("/")[2] for path in paths} == {"models", "datasets"}
    assert not [path for path in paths if "resolve" in path or "tree" in path]
    assert crawled(settings) == before
    assert instance.get_runs_count(dg.RunsFilter(job_name="hub_configs")) == 2
    assert told(instance, LISTING)["new"] == 0

    hub.commit(MODELS[SECOND][0], {"config.json": b'{"model_type": "mpt"}'})
    hub.remove(MODELS[FIRST][0])
    hub.clear_log()
    assert refresh(settings) == ""
    assert asked(hub) == {MODELS[SECOND][0]}
    listing = told(instance, LISTING)
    assert (listing["new"], listing["changed"], listing["absent"]) == (0, 1, 1)
    assert "1 changed" in capsys.readouterr().out
    # Nothing that Dagster keeps or prints holds the token.
    files = [path for path in settings.data.rglob("*") if path.is_file()]
    assert len(files) > 20
    assert [path for path in files if hub.token.encode() in path.read_bytes()] == []


def test_a_part_that_failed_is_retried_alone_and_one_build_follows(
    hub: HubServer, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings()
    assert run("refresh", instance).success
    wanted, cursor = tick(instance)
    assert {(r.job_name, r.partition_key) for r in wanted} == {
        ("hub_configs", FIRST),
        ("hub_configs", SECOND),
    }
    # Asked for once, whatever becomes of them.
    again, cursor = tick(instance, cursor)
    assert isinstance(again, dg.RunRequest) and again.job_name == "build"

    broken = "|".join(MODELS[FIRST])
    hub.add_fault("status", rf"({broken})/[0-9a-f]+/config.json", status=401)
    hub.clear_log()
    failed = run("hub_configs", instance, partition_key=FIRST)
    (failure,) = (e for e in failed.all_events if e.is_step_failure)
    assert (
        "refuses the token (401): check HF_TOKEN" in failure.step_failure_data.error_display_string
    )
    assert run("hub_configs", instance, partition_key=SECOND).success
    assert instance.get_materialized_partitions(CONFIGS) == {SECOND}

    hub.clear_faults()
    hub.clear_log()
    assert run("hub_configs", instance, partition_key=FIRST).success
    assert asked(hub) == set(MODELS[FIRST])
    assert instance.get_materialized_partitions(CONFIGS) == {FIRST, SECOND}

    # While a crawl runs, wherever it was started, or waits for its turn, nothing is built.
    monkeypatch.setattr("orchestration.hub_steps._WAITS_S", (0,))
    with crawl_lock(settings):
        said, _ = tick(instance, cursor)
        assert isinstance(said, dg.SkipReason) and "A crawl is running" in str(said.skip_message)
        busy = run("hub_configs", instance, partition_key=FIRST)
        assert [e.event_type_value for e in busy.all_events].count("STEP_UP_FOR_RETRY") == 1
        (failure,) = (e for e in busy.all_events if e.is_step_failure)
        assert "Another crawl is running" in failure.step_failure_data.error_display_string
    waiting = dg.DagsterRun(
        job_name="hub_configs", tags={jobs.CRAWLS: "hub"}, status=Status.NOT_STARTED
    )
    instance.add_run(waiting)
    said, _ = tick(instance, cursor)
    assert isinstance(said, dg.SkipReason) and "1 runs of a crawl" in str(said.skip_message)
    instance.delete_run(waiting.run_id)
    first, _ = tick(instance, cursor)
    second, _ = tick(instance, cursor)
    assert first.job_name == "build" and first.run_key == second.run_key


def test_a_refresh_that_is_stopped_or_killed_goes_on_where_it_was(
    hub: HubServer, instance: dg.DagsterInstance
) -> None:
    # One config, and then the crawl waits at the gate for longer than this test.
    assert run("refresh", instance).success
    used = hub.counters()["resolvers"]["permitted"]
    limits = hub.state.limits
    limits.overrides = {"resolvers": used + 1}

    def wait_for_a_config() -> None:
        end = time.monotonic() + 120
        while not asked(hub) and time.monotonic() < end:
            time.sleep(0.05)
        time.sleep(0.5)  # the answer is kept

    def stop() -> None:
        wait_for_a_config()
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=stop, daemon=True).start()
    hub.clear_log()
    with pytest.raises(KeyboardInterrupt):
        refresh(Settings())
    (stopped,) = instance.get_runs(dg.RunsFilter(job_name="hub_configs"), limit=1)
    assert stopped.status is Status.CANCELED
    # Within a day a listing that is not worked off is not made again.
    assert not hub.requests("/api/models")

    hub.clear_log()
    command = [sys.executable, "-m", "orchestration.run", "refresh"]
    with subprocess.Popen(command) as process:
        wait_for_a_config()
        process.kill()
    (killed,) = instance.get_runs(dg.RunsFilter(job_name="hub_configs"), limit=1)
    assert killed.status is Status.STARTED
    assert instance.event_log_storage.get_concurrency_run_ids() == {killed.run_id}

    limits.overrides = {}
    hub.clear_log()
    # Neither the dead run's place in the pool nor its lock is in the way.
    assert refresh(Settings()) == ""
    assert len(asked(hub)) == 5
    landed = duckdb.sql(
        f"select model_id from '{Settings().landing}/hub_configs/hub-*.parquet'"
    ).fetchall()
    assert sorted(name for (name,) in landed) == sorted(
        n for names in MODELS.values() for n in names
    )
    assert instance.get_run_by_id(killed.run_id).status is Status.FAILURE
    assert instance.event_log_storage.get_concurrency_run_ids() == set()
