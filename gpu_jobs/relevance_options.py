"""The command line of the relevance job."""

import argparse
from pathlib import Path

from gpu_jobs.criteria import CRITERIA
from gpu_jobs.healing_options import add_healing_options
from gpu_jobs.options import add_benchmark_options, add_model_options, positive, share

PATHS = ("iterative", "one_shot", "block", "beam")


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the parser of `python -m gpu_jobs.relevance`."""
    made = argparse.ArgumentParser(
        prog="python -m gpu_jobs.relevance", description=description, allow_abbrev=False
    )
    add = made.add_argument
    add_model_options(made)
    add("--output", required=True, type=Path, help="folder of the results and of finished cells")
    how = made.add_argument_group("how layers are judged")
    how.add_argument("--criteria", nargs="+", choices=CRITERIA, default=["accuracy"])
    how.add_argument(
        "--paths",
        nargs="+",
        choices=PATHS,
        default=[],
        help="orders of removal (default: none, only the relevance in the whole model)",
    )
    how.add_argument("--random", type=int, default=0, help="random paths beside them")
    how.add_argument("--share", type=share, default=0.25, help="of layers removed (default: 0.25)")
    how.add_argument("--beam-width", type=positive, default=3)
    how.add_argument(
        "--single", action="store_true", help="cosines over single items, not over full contexts"
    )
    how.add_argument(
        "--racing",
        type=share,
        metavar="RATE",
        help="find the layer by racing at this error rate, which is approximate",
    )
    what = made.add_argument_group("what it is measured on")
    add_benchmark_options(what.add_argument, "zero_shot")
    what.add_argument("--texts", type=Path, nargs="+", default=[], help="JSONL text sets")
    what.add_argument("--split", choices=("train", "test"), default="train", help="calibrated on")
    what.add_argument(
        "--mixture", type=share, help="calibrate once, on this share of each task's items"
    )
    what.add_argument("--limit", type=positive, help="calibration items a task, drawn by seed")
    what.add_argument("--test-limit", type=positive, help="test items a task, drawn by seed")
    what.add_argument("--seed", type=int, default=1234, help="draws items, examples and races")
    add_healing_options(made)
    add("--batch-size", type=positive, default=8, help="answers in a trial of packed rows")
    add(
        "--budget",
        type=positive,
        default=16384,
        help="tokens, over all removals, that go through a layer at once (default: 16384)",
    )
    add("--max-length", type=positive, help="tokens of context (default: the model's own)")
    return made
