"""From the relevance program to the marts: as measured, beside scipy, older and faulty results."""

from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np
import pytest
from scipy import stats

from extract.land_snapshot import land_snapshot
from extract.layer_results import gather
from modelstrata.landing_schema import LAYER_TABLES, RAW_TABLES
from tests.dbt_project.conftest import SNAPSHOT, Warehouse, run_dbt
from tests.dbt_project.test_layer_results import edited, files, run
from tests.gpu_jobs import hub_data, tiny

MARTS = ("layer_relevance", "pruning_paths", "relevance_agreement", "rejected_results")
#: These marts with their tests; rejected_results reads what all layer jobs landed.
BUILD = (
    *("build", "--exclude-resource-type", "unit_test", "--indirect-selection", "cautious"),
    *("--select", "rejection_reasons", *(f"stg_results__{t}" for t in LAYER_TABLES), *MARTS),
)
N_LAYERS = 6


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of maps and paths of a tiny llama, which is above chance on WinoGrande."""
    folder = tmp_path_factory.mktemp("relevance")
    made = tiny.build("llama", 7, num_hidden_layers=N_LAYERS, max_position_embeddings=512)
    model = tiny.save(made, folder / "tiny")
    data = hub_data.write(folder / "eval_data")
    which = ("--model", model, "--device", "cpu", "--output", folder / "out", "--eval-data", data)
    asked = ("--tasks", "truthfulqa", "winogrande", "--split", "test", "--share", 0.4)
    how = ("--criteria", "accuracy", "cosine", "perplexity", "--keep-items", "--random", 2)
    paths = ("--paths", "iterative", "one_shot", "block")
    run("relevance", *which, *asked, *how, *paths, data=folder)
    return folder / "out"


def landed(output: Path, folder: Path) -> Path:
    """Return a data folder into which a snapshot with these results was landed."""
    snapshot = folder / "snapshot"
    snapshot.mkdir()
    for table in RAW_TABLES:
        (snapshot / f"{table}.parquet").symlink_to(SNAPSHOT / f"{table}.parquet")
    assert set(gather([output], snapshot)) == {"layer_relevance", "pruning_paths"}
    land_snapshot(folder / "data" / "landing", snapshot)
    return folder / "data"


@pytest.fixture
def data(output: Path, tmp_path: Path) -> Path:
    """Return a data folder that holds these results."""
    return landed(output, tmp_path)


@pytest.fixture(scope="module")
def warehouse(
    output: Path, build: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """Return the marts of these results as they are."""
    made = build(landed(output, tmp_path_factory.mktemp("as_measured")), BUILD)
    yield made
    made.connection.close()


def test_maps_and_paths_are_in_the_marts_as_measured(output: Path, warehouse: Warehouse) -> None:
    assert warehouse.rows("from marts.rejected_results") == []
    for table, columns in (
        ("layer_relevance", "result_key, criterion, layer, relevance, tie, step, removed_layers"),
        ("pruning_paths", "result_key, path, criterion, step, task, difference, removal_order"),
    ):
        landed = duckdb.sql(f"select {columns} from '{output}/{table}/*.parquet' order by all")
        assert warehouse.rows(f"select {columns} from marts.{table} order by all") == (
            landed.fetchall()
        )
    # Where the model guesses the measure is undefined, and the row says so.
    undefined = warehouse.rows(
        "select distinct task, criterion, relevance_rank, undefined_because "
        "from marts.layer_relevance where relevance is null"
    )
    assert undefined == [("truthfulqa", "accuracy", None, "not_above_chance")]
    # What goes first along a path is what has the first rank.
    picked = warehouse.rows(
        "select paths.removed_layers, paths.layer, maps.layer from marts.pruning_paths as paths "
        "inner join marts.layer_relevance as maps on maps.task = paths.calibration "
        "and maps.criterion = paths.criterion and maps.relevance_rank = 1 "
        "and maps.removed_layers = array_to_string(list_sort(list_transform("
        "string_split(paths.removal_order, ' ')[:-2], x -> x::int)), ' ') "
        "where paths.path = 'iterative'"
    )
    assert len(picked) == 5 * 2 and all(first == second for _, first, second in picked)
    # A path has one row a step and task.
    counted = warehouse.rows(
        "select path, criterion, list(step order by step) from marts.pruning_paths "
        "group by path_id, task, path, criterion order by all"
    )
    assert {tuple(steps) for _, _, steps in counted} == {(1, 2)}
    assert len(counted) == 2 + 2 + 2 + 2 + 1 + 1 + 2 + 2 * 2


def test_agreement_is_what_scipy_says(output: Path, warehouse: Warehouse) -> None:
    maps: dict[tuple[str, str], np.ndarray] = {}
    places: dict[tuple[str, str], list[int]] = {}
    for row in sorted(files(output, "layer_relevance"), key=lambda row: row["layer"]):
        if row["step"] == 0 and row["relevance"] is not None:
            key = row["task"], row["criterion"]
            maps[key] = np.append(maps.get(key, []), row["relevance"])
            places.setdefault(key, []).append((row["relevance"], row["tie"], -row["layer"]))
    compared = warehouse.rows(
        "select task, criterion, reference, pearson, spearman, n_same_rank, n_near_rank, "
        "mean_rank_difference, n_quarter, n_quarter_shared, reference_rank_of_least, "
        "reference_ranks from marts.relevance_agreement where layers_compared = 'all'"
    )
    # Both orders of three pairs on WinoGrande, and of one on TruthfulQA.
    assert len(compared) == 6 + 2
    for task, mine, other, pearson, spearman, same, near, mean, n, shared, first, told in compared:
        one, two = maps[task, mine], maps[task, other]
        assert pearson == pytest.approx(stats.pearsonr(one, two).statistic, abs=1e-6)
        assert spearman == pytest.approx(stats.spearmanr(one, two).statistic, abs=1e-6)
        ranks = [
            {layer: place for place, layer in enumerate(np.lexsort(np.array(found).T[::-1]))}
            for found in (places[task, mine], places[task, other])
        ]
        by_other = [ranks[1][layer] + 1 for layer in ranks[0]]
        away = [abs(place - rank) for place, rank in enumerate(by_other, start=1)]
        assert (same, near) == (away.count(0), sum(one <= 2 for one in away))
        assert mean == pytest.approx(np.mean(away))
        assert (n, shared) == (2, sum(rank <= 2 for rank in by_other[:2]))
        assert (first, told) == (by_other[0], " ".join(map(str, by_other)))
    # Two layers are left between the first and the last two, too few to compare.
    assert warehouse.one(
        "select count(*) from marts.relevance_agreement where layers_compared = 'middle'"
    ) == (0,)


def test_a_path_found_by_other_code_replaces_the_whole_path_and_faults_are_set_aside(
    data: Path, output: Path, build: Callable[..., Warehouse]
) -> None:
    landing = data / "landing"
    path = "path = 'iterative' and criterion = 'cosine' and task = 'winogrande'"
    other = "layer = 0"
    edited(
        output,
        "pruning_paths",
        f"{path} and step = 1",
        "'new' as result_key, 'newer' as code_version, 3 as layer, '3' as removed_layers, "
        "'3' as removal_order",
        landing / "pruning_paths" / "new.parquet",
    )
    # The layer that matters least was not measured again, so that it is not removed next.
    edited(
        output,
        "layer_relevance",
        "criterion = 'cosine' and step = 0 and task = 'winogrande'",
        f"'lazy' as method, if(layer = {N_LAYERS - 1}, 0, n_scored) as n_scored, "
        "'lazy' as result_key, 'lazy' as model_id",
        landing / "layer_relevance" / "lazy.parquet",
    )
    for number, (where, change) in enumerate(
        (
            ("criterion = 'cosine' and step = 0", f"if({other}, 2.5, relevance) as relevance"),
            ("criterion = 'cosine' and step = 0", f"if({other}, 'nan', relevance) as relevance"),
            ("criterion = 'cosine' and step = 0", f"if({other}, 1, layer) as layer"),
            ("criterion = 'perplexity' and step = 0", f"if({other}, null, relevance) as relevance"),
        )
    ):
        named = f"'wrong {number}' as result_key, 'wrong' as model_id"
        target = landing / "layer_relevance" / f"wrong-{number}.parquet"
        edited(output, "layer_relevance", where, f"{change}, {named}", target)
    warehouse = build(data, BUILD)
    assert warehouse.rows(
        "select result_key, step, removed_layers from marts.pruning_paths "
        f"where {path} order by step"
    ) == [("new", 1, "3")]
    assert warehouse.rows(
        "select rejected_from, result_key, reason from marts.rejected_results order by all"
    ) == [
        ("layer_relevance", "wrong 0", "measure_out_of_range"),
        ("layer_relevance", "wrong 1", "measure_not_finite"),
        ("layer_relevance", "wrong 2", "layers_missing"),
        ("layer_relevance", "wrong 3", "measure_not_finite"),
    ]
    assert warehouse.rows(
        "select relevance_rank from marts.layer_relevance where model_id = 'lazy' order by layer"
    ) == [(5,), (4,), (3,), (2,), (1,), (6,)]
    warehouse.connection.close()


def test_results_that_contradict_themselves_stop_a_build_by_name(
    data: Path, output: Path, tmp_path: Path
) -> None:
    one = "path = 'iterative' and criterion = 'cosine' and task = 'winogrande'"
    first = "string_split(removal_order, ' ')"
    wrong = [
        ("step = 1", "difference + 1 as difference", "moved"),
        ("step = 1", "2 as step", "skipped"),
        ("step = 1", "'5 1' as removed_layers", "unsorted"),
        ("step = 2 and path = 'one_shot'", "n_layers as layer", "another"),
        ("path = 'random'", "null as path_seed", "seedless"),
        # Each is right by itself, but the second step does not begin with the first.
        (f"{one} and step = 1", "step as step", "torn"),
        (
            f"{one} and step = 2",
            f"array_to_string(list_reverse({first}), ' ') as removal_order, "
            f"{first}[1]::integer as layer",
            "torn",
        ),
    ]
    for number, (where, change, model) in enumerate(wrong):
        target = data / "landing" / "pruning_paths" / f"wrong-{number}.parquet"
        change += f", '{model}' as model_id, 'wrong {number}' as result_key"
        edited(output, "pruning_paths", where, change, target)
    where = "task = 'winogrande' and criterion = 'accuracy' and step = 0"
    for number, change in enumerate(("relevance - 0.1 as relevance", "n_items + 1 as n_scored")):
        target = data / "landing" / "layer_relevance" / f"wrong-{number}.parquet"
        change += f", 'wrong {number}' as model_id, 'wrong {number}' as result_key"
        edited(output, "layer_relevance", where, change, target)
    stopped = run_dbt(data, tmp_path / "target", BUILD)
    assert stopped.returncode == 1
    # One row of each wrong path; of the maps every layer, in the second by perplexity, too.
    assert "assert_pruning_paths_agree_with_themselves" in stopped.stdout
    assert "Got 6 results" in stopped.stdout
    assert "assert_layer_relevance_agrees_with_itself" in stopped.stdout
    assert f"Got {3 * N_LAYERS} results" in stopped.stdout
