"""Every command of the README is run, as it stands there, on a data folder of the test's own."""

import json
import shutil
import sys
from pathlib import Path

import duckdb
import pytest

from modelstrata.settings import Settings
from orchestration.dbt_cli import MANIFEST, manifest, work_tables
from tests.builds import ask_history, contents
from tests.readme import (
    COMMANDS,
    CRAWL_HUB,
    DBT_BUILD,
    PUBLISH,
    SCRIPTS,
    SERVE_HUB,
    TEST_PUBLISHED,
    TEXT,
    run,
)

#: What has a test of its own, and the command that runs this test.
NOT_HERE = (
    *("make dev", "make notebook", "make refresh", "make test"),
    *(DBT_BUILD, SERVE_HUB, CRAWL_HUB, PUBLISH),
)
#: Texts that `make gpu` measures on here.
TEXTS = 8
#: The benchmark of fewest models, that the study, and the one that the predictor is restricted to.
STUDIED, PREDICTED = "bigcodebench_instruct", "gsm8k"


@pytest.fixture(scope="module")
def data(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme") / "data"
    shutil.copytree(built, folder)
    return folder


def settings(command: str, data: Path) -> dict[str, str]:
    """Return what keeps a command short: the same work on fewer texts, or not twice."""
    if command == "make gpu":
        texts = Settings().gpu_texts.read_text(encoding="utf-8").splitlines()
        assert f"{len(texts)} GSM8K texts" in TEXT
        few = data.parent / "gsm8k.jsonl"
        few.write_text("\n".join(texts[:TEXTS]), encoding="utf-8")
        return {"MODELSTRATA_GPU_TEXTS": str(few)}
    if command == "make study":
        return {"MODELSTRATA_STUDY_BENCHMARKS": STUDIED}
    if "ml.predictor" in command:
        return {"MODELSTRATA_STUDY_BENCHMARKS": PREDICTED}
    # `dbt build` runs unit tests, and the test below looks for each of them.
    return {"DBT_EXCLUDE_RESOURCE_TYPES": "unit_test"} if command == TEST_PUBLISHED else {}


def test_dbt_builds_the_same_by_itself_passes_every_unit_test_and_documents_it(data: Path) -> None:
    target = data / "target"
    published = contents(data / "warehouse.duckdb")
    assert run(["bash", "-c", DBT_BUILD], data, DBT_TARGET_PATH=str(target))
    results = json.loads((target / "run_results.json").read_text())["results"]
    passed = {result["unique_id"] for result in results if result["status"] == "pass"}
    units = set(json.loads((target / "manifest.json").read_text())["unit_tests"])
    assert set() < units <= passed
    docs = DBT_BUILD.replace("dbt build", "dbt docs generate")
    assert run(["bash", "-c", docs], data, DBT_TARGET_PATH=str(target))
    assert (target / "catalog.json").exists()
    assert contents(data / "warehouse.duckdb") == published
    built_directly = contents(data / "dev" / "warehouse.duckdb")
    # Which code built them, the main job tells by more files.
    told = "intermediate.int_batches_built"
    assert published.pop(told) and built_directly.pop(told)
    # What one build worked on is not published.
    worked_on = {table: built_directly.pop(table) for table in work_tables()}
    assert {published.pop(table) for table in work_tables()} == {"(0, None)"}
    assert worked_on["intermediate.int_model_ids"].startswith("(37770,")
    assert {k: v for k, v in published.items() if not k.startswith("meta.")} == built_directly


@pytest.mark.parametrize("command", [c for c in COMMANDS if c not in NOT_HERE])
def test_command_of_the_readme_runs(command: str, data: Path) -> None:
    shell = ["bash", "-c", command.replace("data/", f"{data}/")]
    read = MANIFEST.stat().st_mtime_ns
    said = run(shell, data, **settings(command, data))
    # dbt by itself writes a manifest too, which a run or the Dagster page may be reading.
    assert MANIFEST.stat().st_mtime_ns == read
    # An export writes its page and says nothing.
    assert said or Path(shell[-1].split("--output ")[1]).is_file()


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_of_the_readme_runs(script: str, data: Path) -> None:
    assert run([sys.executable, "-c", script.replace("data/", f"{data}/")], data)


def test_make_gpu_measured_a_real_model(data: Path) -> None:
    # The commands above ran in the README's order, `make gpu` among them.
    with duckdb.connect(str(data / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select model_id, weights_format, benchmark, n_texts, count(*), min(block_influence) "
            f"from marts.block_influence where n_texts = {TEXTS} group by all"
        ).fetchall()
    ((model, weights_format, benchmark, texts, layers, least),) = rows
    assert texts == TEXTS
    assert (model, layers) == ("HuggingFaceTB/SmolLM2-135M-Instruct", 30)
    assert (weights_format, benchmark) == ("gguf:Q4_1", "gsm8k")
    assert 0 < least < 0.2


def test_only_what_reads_results_was_built_anew_when_results_came(built: Path, data: Path) -> None:
    # `make gpu` and `make study` ran.
    code = """
        event = instance.get_latest_materialization_event(dg.AssetKey(["marts", "models"]))
        found = event.asset_materialization.metadata
        print([found["dagster/row_count"].value, found["carried_over"].value])
    """
    before, after = (contents(folder / "warehouse.duckdb") for folder in (built, data))
    rows, carried_over = json.loads(ask_history(data, code).replace("True", "true"))
    assert carried_over and before["marts.models"].startswith(f"({rows},")
    nodes = manifest()["nodes"].values()
    core = {f"{n['schema']}.{n['name']}" for n in nodes if "results" not in n["tags"]} & set(before)
    of_results = {name for name in before.keys() - core if not name.startswith("meta.")}
    assert core and {name: after[name] for name in core} == {name: before[name] for name in core}
    assert {"marts.block_influence", "marts.regression_scores"} <= of_results
    assert any(before[name] != after[name] for name in of_results)
