"""The command line of the block influence job, and the options that other jobs share with it."""

import argparse
from collections.abc import Callable
from pathlib import Path

from gpu_jobs.protocols import protocol_names


def positive(text: str) -> int:
    """Read a whole number above zero."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return number


def share(text: str) -> float:
    """Read a number above 0 and below 1."""
    number = float(text)
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return number


def rate(text: str) -> float:
    """Read a finite number above zero."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number above zero")
    return number


def add_model_options(made: argparse.ArgumentParser) -> None:
    """Add the options that say which model runs, on what and with which number type."""
    add = made.add_argument
    add("--model", required=True, help="Hub id, local folder, or path of a .gguf file")
    add("--model-id", help="name of a local model in the result (default: folder or file stem)")
    add("--revision", help="branch, tag or commit of a Hub model")
    add("--device", help="torch device: cpu, cuda, cuda:1 (default: a GPU if there is one)")
    add("--dtype", choices=("float32", "bfloat16", "float16"), default="float32")
    add("--trust-remote-code", action="store_true", help="run program code the model brings")


def add_benchmark_options(add: Callable[..., object], protocol: str) -> None:
    """Add the options that say which benchmarks are read, in which protocol, from where.

    Args:
        add: `add_argument` of a parser or group.
        protocol: the default.
    """
    add("--protocol", choices=protocol_names(), default=protocol)
    add("--tasks", nargs="+", default=[], help="benchmarks (default: all)")
    add("--without", nargs="+", default=[], help="benchmarks to leave out")
    add(
        "--eval-data",
        type=Path,
        help="folder of evaluation data in the Hub's layout (default: "
        "MODELSTRATA_EVAL_DATA, else the Hub)",
    )


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m gpu_jobs.block_influence`."""
    made = argparse.ArgumentParser(
        prog="python -m gpu_jobs.block_influence", description=description, allow_abbrev=False
    )
    add = made.add_argument
    add_model_options(made)
    read = made.add_mutually_exclusive_group(required=True)
    read.add_argument("--texts", type=Path, help='JSONL file with a "text" on each line')
    read.add_argument("--task", help="benchmark whose prompts with their right answers are read")
    add("--protocol", choices=protocol_names(), default="zero_shot", help="of --task")
    add("--eval-data", type=Path, help="of --task, see MODELSTRATA_EVAL_DATA")
    add("--output", required=True, type=Path, help="Parquet file to write")
    add("--benchmark", help="name of the text set (default: the task, or its file's stem)")
    add("--batch-size", type=positive, default=8, help="texts a forward pass (default: 8)")
    add("--max-length", type=positive, help="tokens a text (default: the context, at most 2048)")
    add("--limit", type=positive, help="use only the first texts")
    return made
