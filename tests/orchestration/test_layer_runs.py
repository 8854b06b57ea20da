"""Layer jobs as Dagster runs them: partitions, pool, stopping and going on, what the page shows."""

import base64
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import psutil
import pytest
from filelock import FileLock

from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings
from orchestration.definitions import defs
from orchestration.instance import prepare_instance
from orchestration.layer_devices import POOL, held_device
from orchestration.layer_models import MODELS, named_model, working_folder
from tests.builds import ROOT, ask_history, environment, written
from tests.orchestration.conftest import NAME


@pytest.fixture
def instance(
    told: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dg.DagsterInstance]:
    """Give the page's instance on an empty data folder; no model is in the settings."""
    for name, value in told.items():
        if "GPU_MODEL" not in name:
            monkeypatch.setenv(name, value)
    monkeypatch.setenv("MODELSTRATA_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "data" / "dagster"))
    prepare_instance(Settings())
    with dg.DagsterInstance.get() as instance:
        yield instance


def materialize(
    instance: dg.DagsterInstance, table: str, partition: str = NAME, **config: Any
) -> dg.ExecuteInProcessResult:
    """Materialize a partition as the page does."""
    return defs.resolve_job_def("gpu").execute_in_process(
        instance=instance,
        partition_key=partition,
        asset_selection=[dg.AssetKey(["results", table])],
        run_config={"ops": {f"results__{table}": {"config": config}}},
        raise_on_error=False,
    )


def failure(run: dg.ExecuteInProcessResult) -> str:
    (event,) = run.filter_events(lambda event: event.is_step_failure)
    data = event.step_failure_data.user_failure_data
    assert data is not None, event.step_failure_data.error
    return str(data.description)


def add_model(instance: dg.DagsterInstance, **config: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("add_model").execute_in_process(
        instance=instance,
        run_config={"ops": {"register_model": {"config": config}}},
        raise_on_error=False,
    )


def rows(data: Path, table: str, columns: str) -> list[tuple]:
    with duckdb.connect() as connection:
        landed = connection.read_parquet(str(data / "landing" / table / "*.parquet"))
        return landed.select(columns).order("all").fetchall()


@pytest.mark.parametrize(
    ("table", "value", "config"),
    [
        ("block_influence", "block_influence", {"task": "arc_easy", "limit": 4}),
        (
            "pruning_effects",
            "difference",
            {"tasks": ["arc_easy", "winogrande"], "n": [2], "random": [1], "draws": 2, "limit": 4},
        ),
        ("layer_gradients", "nuclear_norm", {"datasets": ["arc_easy"], "steps": [0, 1]}),
        (
            "layer_relevance",
            "relevance",
            {
                "tasks": ["arc_easy", "winogrande"],
                "criteria": ["cosine", "taylor"],
                "limit": 4,
            },
        ),
        (
            "pruning_paths",
            "difference",
            {
                **{"tasks": ["arc_easy"], "criteria": ["cosine", "perplexity"], "share": 0.25},
                **{"paths": ["iterative", "block"], "random": 1, "limit": 4, "test_limit": 5},
            },
        ),
    ],
)
def test_a_partition_lands_shows_its_numbers_and_layers_and_is_not_computed_twice(
    instance: dg.DagsterInstance, model: Path, table: str, value: str, config: dict[str, Any]
) -> None:
    settings = Settings()
    assert add_model(instance, model=str(model), model_id=NAME).success
    assert instance.get_dynamic_partitions(MODELS) == [NAME]
    found = []
    for _ in range(2):
        run = materialize(instance, table, **config)
        assert run.success
        (event,) = run.get_asset_materialization_events()
        assert event.materialization.partition == NAME
        version = event.materialization.tags["dagster/data_version"]
        landed = rows(settings.data, table, f"model_id, dtype, device, {value}")
        found.append((version, landed, written(settings.layers), written(settings.landing)))
    assert found[0] == found[1]

    told = {name: value.value for name, value in event.materialization.metadata.items()}
    values = [row[-1] for row in landed]
    assert {row[:3] for row in landed} == {(told["model_id"], told["dtype"], told["device"])}
    assert (told["model_id"], told["dtype"], told["device"]) == (NAME, "float32", "cpu")
    assert told["rows"] == len(landed) and told["seconds"] > 0
    assert [told[f"{end}/{value}"] for end in ("min", "max")] == [min(values), max(values)]
    assert told[f"mean/{value}"] == pytest.approx(sum(values) / len(values))
    image = base64.b64decode(re.findall(r"\(data:image/png;base64,([^)]*)\)", told["plot"])[0])
    assert image.startswith(b"\x89PNG") and len(image) > 5_000
    # What the program reported on its way, and how much memory it took.
    first = instance.all_logs(instance.get_runs()[-2].run_id)
    assert any(re.search(r"\b(\d+)/\1 \(", entry.message) for entry in first)


def started(data: Path, told: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "orchestration.run", "gpu", *arguments],
        cwd=ROOT,
        env=environment(data, **told),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_stopped_run_leaves_no_child_and_goes_on_at_the_first_missing_cell(
    told: dict[str, str], tmp_path: Path
) -> None:
    data, whole = tmp_path / "stopped", tmp_path / "whole"
    done: dict[Path, int] = {}
    for number in (signal.SIGTERM, signal.SIGKILL):
        with started(data, told, "--analysis", "pruning") as run:
            cells = data / "gpu" / "tests--tiny-llama" / "evaluation_samples"
            while len(written(cells)) <= len(done):
                assert run.poll() is None, run.communicate()[1]
                time.sleep(0.01)
            children = psutil.Process(run.pid).children(recursive=True)
            assert children
            os.kill(run.pid, number)
            _, said = run.communicate(timeout=60)
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not alive
        if number == signal.SIGTERM:
            assert run.returncode == 130 and "run the same command again" in said
        kept = written(cells)
        assert done.items() <= kept.items() and len(kept) < 12
        done = kept
    for folder in (data, whole):
        with started(folder, told, "--analysis", "pruning") as run:
            _, said = run.communicate(timeout=600)
        assert run.returncode == 0, said
    assert done.items() <= written(cells).items()
    measured = "* exclude (computed_at, seconds, peak_memory_bytes)"
    assert len(rows(whole, "pruning_effects", measured)) == 10
    for table, columns in (
        ("pruning_effects", measured),
        ("block_influence", "* exclude (computed_at)"),
    ):
        assert rows(data, table, columns) == rows(whole, table, columns)


def test_two_runs_started_together_do_not_overlap(told: dict[str, str], tmp_path: Path) -> None:
    texts = {**told, "MODELSTRATA_GPU_MODEL_ID": "tests/other"}
    settings = Settings(data=tmp_path, gpu_device="cpu")
    under_way = (
        "print(len(instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))))"
    )
    prepare_instance(settings)
    # The first one waits for the device inside its step until both runs are under way.
    settings.layers.mkdir()
    with FileLock(settings.layers / ".device-cpu.lock"):
        runs = [started(tmp_path, one) for one in (told, texts)]
        while ask_history(tmp_path, under_way).strip() != "2":
            assert [run.poll() for run in runs] == [None, None]
    for run in runs:
        _, said = run.communicate(timeout=600)
        assert run.returncode == 0, said
    code = """
        for run in instance.get_runs():
            steps = {e.dagster_event.event_type_value: e.timestamp
                     for e in instance.all_logs(run.run_id) if e.dagster_event}
            print(run.tags["dagster/partition"], steps["STEP_START"], steps["STEP_SUCCESS"])
    """
    lines = [line.split() for line in ask_history(tmp_path, code).splitlines()]
    assert {partition for partition, _, _ in lines} == {NAME, "tests/other"}
    (_, first_end), (second_start, _) = sorted((float(a), float(b)) for _, a, b in lines)
    assert first_end <= second_start


def test_each_device_has_a_place_in_the_pool_and_one_run(tmp_path: Path) -> None:
    for devices, names in (("cuda:0, cuda:1", ["cuda:0", "cuda:1"]), ("", [""])):
        settings = Settings(data=tmp_path, gpu_device=devices)
        prepare_instance(settings)
        with dg.DagsterInstance.get() as instance, ExitStack() as stack:
            assert instance.event_log_storage.get_concurrency_info(POOL).slot_count == len(names)
            assert [stack.enter_context(held_device(settings)) for _ in names] == names


@pytest.mark.parametrize("name", ["../escape", "a/b/c", "a--b", "-x", "a b", "x/..", ""])
def test_what_is_no_model_id_becomes_neither_a_partition_nor_a_path(
    instance: dg.DagsterInstance, model: Path, name: str
) -> None:
    settings = Settings()
    before = sorted(settings.data.parent.rglob("*escape*"))
    with pytest.raises(ModelstrataError):
        working_folder(settings, name)
    if name:
        said = failure(add_model(instance, model=str(model), model_id=name))
        assert repr(name) in said
        assert not add_model(instance, model=name).success
        # The page lets a user add any text as a partition.
        instance.add_dynamic_partitions(MODELS, [name])
        assert repr(name) in failure(materialize(instance, "block_influence", name))
    assert sorted(settings.data.parent.rglob("*escape*")) == before


def test_a_model_is_found_by_its_hub_id_its_folder_or_the_settings(
    instance: dg.DagsterInstance, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "MODELSTRATA_GPU_MODEL" in failure(add_model(instance))
    assert named_model("gpt2").name == "gpt2" and named_model("a/b").model == "a/b"
    assert named_model(str(model)).name == "tiny"
    with pytest.raises(ModelstrataError, match="a/c, out"):
        named_model("a/b", "a/c")
    with pytest.raises(ModelstrataError, match=r"no GGUF file .*none\.gguf"):
        named_model("none.gguf")
    monkeypatch.setenv("MODELSTRATA_GPU_MODEL", str(model))
    assert add_model(instance).success and add_model(instance, model="a/b").success
    assert sorted(instance.get_dynamic_partitions(MODELS)) == ["a/b", "tiny"]


def test_what_a_run_lacks_is_said_in_a_sentence(
    instance: dg.DagsterInstance, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_model(instance, model=str(model), model_id=NAME)
    bad = failure(materialize(instance, "pruning_effects", tasks=["--trust-remote-code"]))
    assert "'--trust-remote-code' cannot stand for --tasks" in bad
    asked = {"tasks": ["winogrande"], "criteria": ["taylor"], "paths": ["block"], "limit": 2}
    nothing = failure(materialize(instance, "pruning_paths", **asked, random=0))
    assert "gave no rows of pruning_paths: choose other options" in nothing
    monkeypatch.setenv("MODELSTRATA_EVAL_DATA", str(tmp_path))
    missing = failure(materialize(instance, "pruning_effects"))
    assert missing.startswith(f"{tmp_path} holds no data of arc_easy: there is no ")
    monkeypatch.delenv("MODELSTRATA_EVAL_DATA")
    missing = failure(materialize(instance, "layer_gradients"))
    assert missing == (
        "arc_easy is read from a folder of evaluation data: name one with --eval-data or "
        "MODELSTRATA_EVAL_DATA."
    )
