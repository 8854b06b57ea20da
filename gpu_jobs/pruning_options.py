"""The command line of the pruning job."""

import argparse
from pathlib import Path

from gpu_jobs.options import add_benchmark_options, add_model_options, positive


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m gpu_jobs.pruning`."""
    made = argparse.ArgumentParser(
        prog="python -m gpu_jobs.pruning", description=description, allow_abbrev=False
    )
    add = made.add_argument
    add_model_options(made)
    add("--output", required=True, type=Path, help="folder of the results and of finished cells")
    which = made.add_argument_group("which layers go (several may be given)")
    which.add_argument("--layers", action="append", default=[], help="given ones: 21-29 or 3,7,21")
    which.add_argument(
        "--n", type=positive, nargs="+", default=[], help="this many with the lowest influence"
    )
    which.add_argument("--random", type=positive, nargs="+", default=[], help="this many at random")
    which.add_argument("--draws", type=positive, default=5, help="random draws each (default: 5)")
    which.add_argument(
        "--texts",
        type=Path,
        help="JSONL texts that --n measures the influence on (default: the "
        "benchmarks' own prompts and answers, the mean over benchmarks)",
    )
    what = made.add_argument_group("what is evaluated")
    add_benchmark_options(what.add_argument, "leaderboard_v1")
    what.add_argument("--limit", type=positive, help="documents a task, of MMLU a subject")
    what.add_argument("--seed", type=int, default=1234, help="draws the examples (default: 1234)")
    add("--batch-size", type=positive, default=8, help="answers a forward pass (default: 8)")
    add("--max-length", type=positive, help="tokens of context (default: the model's own)")
    return made
