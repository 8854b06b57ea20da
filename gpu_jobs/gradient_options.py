"""The command line of the layer gradients job."""

import argparse
from pathlib import Path

from gpu_jobs.options import add_model_options, positive, rate


def _steps(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below zero")
    return number


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m gpu_jobs.gradients`."""
    made = argparse.ArgumentParser(
        prog="python -m gpu_jobs.gradients", description=description, allow_abbrev=False
    )
    add = made.add_argument
    add_model_options(made)
    add(
        "--dataset",
        required=True,
        nargs="+",
        action="extend",
        help="benchmarks or styles by name, JSONL files with prompt and response or with text, "
        "or .txt files, these also as NAME=PATH; several are compared at matched lengths",
    )
    add("--output", required=True, type=Path, help="folder of the results")
    add(
        "--eval-data",
        type=Path,
        help="folder of benchmarks in the Hub's layout (default: MODELSTRATA_EVAL_DATA)",
    )
    add("--limit", type=positive, help="use only the first samples of each data set")
    add("--max-length", type=positive, help="tokens a sample (default: the context, at most 2048)")
    add("--batch-size", type=positive, default=8, help="samples a backward pass (default: 8)")
    add("--seed", type=int, default=0, help="draws matched samples and the order of training")
    tuning = made.add_argument_group("fine-tuning")
    tuning.add_argument(
        "--steps",
        type=_steps,
        nargs="+",
        default=[0],
        help="measure after these numbers of steps of fine-tuning on the data set (default: 0)",
    )
    tuning.add_argument("--optimizer", choices=("adamw", "sgd"), default="adamw")
    tuning.add_argument("--learning-rate", type=rate, default=1e-5, help="default: 1e-5")
    tuning.add_argument(
        "--train-batch-size", type=positive, default=8, help="samples a step (default: 8)"
    )
    return made
