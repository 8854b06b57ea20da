"""Launching layer jobs and landing what they wrote."""

from pathlib import Path

import duckdb

from modelstrata.errors import ModelstrataError
from modelstrata.landing import land_file
from modelstrata.settings import Settings


def block_influence_command(settings: Settings, python: str, output: Path) -> list[str]:
    """Return the command line of the block-influence job.

    Raises:
        ModelstrataError: no model is set.
    """
    if not settings.gpu_model:
        raise ModelstrataError(
            "No model to measure: set MODELSTRATA_GPU_MODEL to a Hub id, a local folder or a "
            "GGUF file, or run `make gpu`, which fetches SmolLM2-135M-Instruct."
        )
    command = [python, "-m", "gpu_jobs.block_influence"]
    command += ["--model", settings.gpu_model, "--texts", str(settings.gpu_texts)]
    command += ["--output", str(output)]
    if settings.gpu_model_id:
        command += ["--model-id", settings.gpu_model_id]
    if settings.gpu_device:
        command += ["--device", settings.gpu_device]
    return command


def land_block_influence(settings: Settings, output: Path) -> bool:
    """Land a job's output under its result key; return False if it was there already.

    Raises:
        LandingError: the output is damaged or lacks a column.
    """
    with duckdb.connect() as connection:
        keys = connection.read_parquet(str(output)).select("result_key").distinct().fetchall()
    added = land_file(settings.landing, "block_influence", keys[0][0], output)
    output.unlink()
    return added
