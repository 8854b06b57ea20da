"""From the programs that measure layers to the marts: kept results, the user's own, faulty ones."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import fmean
from typing import Any

import duckdb
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from extract.land_snapshot import land_snapshot
from extract.layer_results import gather
from modelstrata.landing_schema import LAYER_TABLES, RAW_TABLES
from tests.builds import ROOT, environment
from tests.dbt_project.conftest import SNAPSHOT, Warehouse, run_dbt
from tests.gpu_jobs import hub_data, tiny

MARTS = (*LAYER_TABLES, "pruning_comparisons", "rejected_results")
#: The marts of layers with their tests; the seed of reasons alone of what else they read.
BUILD = (
    *("build", "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"),
    *("--select", "rejection_reasons", *(f"stg_results__{t}" for t in LAYER_TABLES), *MARTS),
)
PAIRS = {"short": [("Is it?", " yes"), ("Why?", " it is")], "long": [("Say.", " a long answer")]}


def run(program: str, *arguments: object, data: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"gpu_jobs.{program}", *map(str, arguments)],
        cwd=ROOT,
        env=environment(data, HF_DATASETS_CACHE=str(data / "datasets")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what the programs measured of a tiny llama of four layers."""
    torch.manual_seed(5)
    options = {**tiny.ARCHITECTURES["llama"][0], "num_hidden_layers": 4}
    config = AutoConfig.for_model("llama", **{**options, "max_position_embeddings": 512})
    folder = tmp_path_factory.mktemp("programs")
    model = tiny.save(AutoModelForCausalLM.from_config(config), folder / "tiny")
    data = hub_data.write(folder / "eval_data")
    shared = ("--model", model, "--device", "cpu", "--output", folder / "out", "--limit", 3)
    asked = ("--protocol", "zero_shot", "--tasks", "truthfulqa", "winogrande", "--eval-data", data)
    which = ("--layers", "1-2", "--n", 2, "--random", 2, "--draws", 3)
    run("pruning", *shared, *asked, *which, data=folder)
    for name, pairs in PAIRS.items():
        lines = [json.dumps({"prompt": p, "response": r}) for p, r in pairs]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    datasets = [folder / f"{name}.jsonl" for name in PAIRS]
    run("gradients", *shared, "--dataset", *datasets, "--steps", 0, 1, data=folder)
    return folder / "out"


@pytest.fixture
def data(output: Path, tmp_path: Path) -> Path:
    """Return a data folder into which a snapshot with these results was landed."""
    snapshot = tmp_path / "snapshot"
    snapshot.mkdir()
    for table in RAW_TABLES:
        (snapshot / f"{table}.parquet").symlink_to(SNAPSHOT / f"{table}.parquet")
    assert set(gather([output], snapshot)) == set(LAYER_TABLES[:3])
    land_snapshot(tmp_path / "data" / "landing", snapshot)
    return tmp_path / "data"


@pytest.fixture
def built_marts(data: Path, build: Callable[..., Warehouse]) -> Iterator[Callable[[], Warehouse]]:
    """Build the marts of layers; close what was opened."""
    opened: list[Warehouse] = []

    def make() -> Warehouse:
        opened.append(build(data, BUILD))
        return opened[-1]

    yield make
    for one in opened:
        one.connection.close()


def files(output: Path, table: str) -> list[dict[str, Any]]:
    found = duckdb.sql(f"from '{output}/{table}/*.parquet'")
    return [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]


def edited(output: Path, table: str, where: str, change: str, target: Path) -> str:
    """Write one result of the programs with other values; return its key."""
    ((key,),) = duckdb.sql(
        f"select min(result_key) from '{output}/{table}/*.parquet' where {where}"
    ).fetchall()
    rows = duckdb.sql(f"from '{output}/{table}/*.parquet' where result_key = '{key}'")
    target.parent.mkdir(parents=True, exist_ok=True)
    rows.project(f"* replace ({change})").write_parquet(str(target))
    return str(key)


def test_kept_results_are_in_the_marts_as_measured(
    output: Path, built_marts: Callable[[], Warehouse]
) -> None:
    warehouse = built_marts()
    for table, number in (
        ("block_influence", "block_influence"),
        ("pruning_effects", "difference"),
        ("layer_gradients", "nuclear_norm"),
    ):
        columns = f"result_key, model_id, weights_format, {number}"
        columns += ", layer, matrix" if table == "layer_gradients" else ""
        landed = duckdb.sql(f"select {columns} from '{output}/{table}/*.parquet' order by all")
        assert warehouse.rows(f"select {columns} from marts.{table} order by all") == (
            landed.fetchall()
        )
    assert warehouse.one("select min(layer), max(layer) from marts.layer_gradients") == (0, 3)
    assert warehouse.rows("from marts.rejected_results") == []

    effects = files(output, "pruning_effects")
    compared = warehouse.rows(
        "select benchmark, selection, removed_layers, difference, n_draws, n_draws_beaten, "
        "mean_drawn_difference, least_drawn_difference, greatest_drawn_difference, is_at_chance "
        "from marts.pruning_comparisons"
    )
    assert len(compared) == 4
    for benchmark, selection, layers, difference, n, beaten, mean, least, most, guesses in compared:
        (chosen,) = (
            row
            for row in effects
            if (row["benchmark"], row["selection"], row["removed_layers"])
            == (benchmark, selection, layers)
        )
        drawn = [
            row["difference"]
            for row in effects
            if (row["benchmark"], row["selection"]) == (benchmark, "random")
        ]
        assert (difference, n, least, most) == (
            chosen["difference"],
            3,
            min(drawn),
            max(drawn),
        )
        assert mean == pytest.approx(fmean(drawn), abs=1e-9)
        assert beaten == sum(value < difference - 1e-9 for value in drawn)
        assert guesses == (chosen["before_low"] <= chosen["chance"])


def test_the_user_s_older_result_counts_and_a_faulty_newer_one_is_set_aside(
    data: Path, output: Path, built_marts: Callable[[], Warehouse]
) -> None:
    landing = data / "landing"
    older = "computed_at - interval 1 year as computed_at"
    own = edited(
        output,
        "layer_gradients",
        "dataset = 'long' and step = 0 and sampling = 'all'",
        f"nuclear_norm - 1e-9 as nuclear_norm, 'own' as result_key, {older}",
        landing / "layer_gradients" / "own.parquet",
    )
    faulty = edited(
        output,
        "block_influence",
        "benchmark = 'truthfulqa'",
        "if(layer = 2, 'nan', block_influence) as block_influence, 'nan' as result_key, "
        "computed_at + interval 1 hour as computed_at",
        landing / "block_influence" / "faulty.parquet",
    )
    # Of the key that the snapshot has too.
    edited(
        output,
        "pruning_effects",
        "selection = 'given' and benchmark = 'winogrande'",
        f"123 as seconds, {older}",
        landing / "pruning_effects" / "again.parquet",
    )
    warehouse = built_marts()
    keys = {key for (key,) in warehouse.rows("select result_key from marts.layer_gradients")}
    assert keys == {row["result_key"] for row in files(output, "layer_gradients")} - {own} | {"own"}
    assert faulty in {key for (key,) in warehouse.rows("select result_key from marts.block_influence")}
    assert warehouse.rows(
        "select rejected_from, landed_batch, result_key, model_id, n_rows, reason "
        "from marts.rejected_results"
    ) == [("block_influence", "faulty", "nan", "tiny", 4, "measure_not_finite")]
    assert warehouse.one(
        "select count(*), count(*) filter (seconds = 123) from marts.pruning_effects"
    ) == (len(files(output, "pruning_effects")), 1)


def test_results_that_contradict_themselves_stop_a_build_by_name(
    data: Path, output: Path, tmp_path: Path
) -> None:
    landing = data / "landing"
    for number, (table, change) in enumerate(
        (
            ("pruning_effects", "difference + 1 as difference"),
            ("pruning_effects", "'3 1' as removed_layers"),
            ("pruning_effects", "difference_low + 200 as difference_low"),
            ("layer_gradients", "nuclear_norm / 99 as nuclear_norm"),
            ("layer_gradients", "effective_rank / 99 as effective_rank"),
        )
    ):
        target = landing / table / f"wrong-{number}.parquet"
        change += f", 'wrong {number}' as model_id, 'wrong {number}' as result_key"
        edited(output, table, "true", change, target)
    stopped = run_dbt(data, tmp_path / "target", BUILD)
    assert stopped.returncode == 1
    # Every wrong file is found: one row each, of gradients one row a layer and matrix.
    assert "assert_pruning_effects_agree_with_themselves" in stopped.stdout
    assert "Got 3 results" in stopped.stdout
    rows = 2 * 4 * 7
    assert "assert_layer_gradients_have_norms_of_one_matrix" in stopped.stdout
    assert f"Got {rows} results" in stopped.stdout
