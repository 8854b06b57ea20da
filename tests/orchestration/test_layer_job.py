"""A layer job launched through Pipes, up to the mart."""

from pathlib import Path

import duckdb

from tests.builds import ask_history, materialize, run_job, run_job_here
from tests.gpu_jobs import tiny


def test_measured_layers_land_with_a_data_version_and_become_a_mart(
    copy_of_built: Path, tmp_path: Path
) -> None:
    model = tiny.save(tiny.build("llama"), tmp_path / "tiny-llama")
    texts = tiny.write_texts(tmp_path / "two_lines.jsonl", ["the other", "a"])
    run = run_job(
        copy_of_built,
        "gpu",
        MODELSTRATA_GPU_MODEL=str(model),
        MODELSTRATA_GPU_MODEL_ID="tests/tiny-llama",
        MODELSTRATA_GPU_TEXTS=str(texts),
        MODELSTRATA_GPU_DEVICE="cpu",
    )
    assert run.returncode == 0, run.stderr
    (batch,) = (
        path
        for path in (copy_of_built / "landing" / "block_influence").glob("*.parquet")
        if not path.stem.startswith(("0-schema", "snapshot-"))
    )

    code = """
        key = dg.AssetKey(["results", "block_influence"])
        event = instance.get_latest_materialization_event(key)
        made = event.asset_materialization
        print(made.tags["dagster/data_version"], made.partition)
    """
    assert ask_history(copy_of_built, code).split() == [batch.stem, "tests/tiny-llama"]

    from modelstrata.settings import Settings
    from orchestration.sensors import new_batches

    assert new_batches(Settings(data=copy_of_built)) == [f"block_influence/{batch.stem}"]
    picked = "key:staging/stg_results__block_influence or key:marts/block_influence"
    run = materialize(copy_of_built, picked)
    assert run.returncode == 0, run.stderr
    assert new_batches(Settings(data=copy_of_built)) == []
    with duckdb.connect(str(copy_of_built / "warehouse.duckdb"), read_only=True) as connection:
        rows = connection.execute(
            "select model_id, benchmark, layer, n_layers from marts.block_influence "
            "where model_id like 'tests/%' order by layer"
        ).fetchall()
    n_layers = tiny.N_LAYERS
    assert rows == [("tests/tiny-llama", "two_lines", n, n_layers) for n in range(n_layers)]


def test_job_without_a_model_says_what_to_set(copy_of_built: Path) -> None:
    run = run_job_here(copy_of_built, "gpu")
    assert run.returncode == 1
    assert "MODELSTRATA_GPU_MODEL" in run.stderr and "Traceback" not in run.stderr


def test_a_model_that_is_not_there_is_named(copy_of_built: Path, tmp_path: Path) -> None:
    run = run_job(copy_of_built, "gpu", MODELSTRATA_GPU_MODEL=str(tmp_path / "nothing-here"))
    assert run.returncode == 1
    assert "nothing-here" in run.stderr and "Traceback" not in run.stderr
