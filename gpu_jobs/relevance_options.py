"""The command line of the relevance job."""

import argparse
import re
from pathlib import Path

from gpu_jobs.criteria import CRITERIA
from gpu_jobs.errors import TaskError
from gpu_jobs.healing_options import add_healing_options
from gpu_jobs.options import add_benchmark_options, add_model_options, positive, share
from gpu_jobs.sublayers import UNITS

PATHS = ("iterative", "one_shot", "block", "beam")


def size(text: str) -> int:
    """Read a number of bytes, such as 500M or 2G."""
    match = re.fullmatch(r"(\d+)([KMG]?)", text)
    if not match or not int(match[1]):
        raise argparse.ArgumentTypeError(f"{text} is no number of bytes: give one such as 2G")
    return int(match[1]) * 1024 ** " KMG".index(match[2] or " ")


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
        "--unit",
        choices=UNITS,
        default="block",
        help="what is removed: whole layers, or attention or MLP of a layer (default: block)",
    )
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
    how.add_argument(
        "--lazy",
        action="store_true",
        help="along iterative paths, measure again only layers that could be the least relevant "
        "if none ever matters less once others are gone, which is approximate",
    )
    how.add_argument(
        "--keep-items",
        action="store_true",
        help="file what each item scores in each removal beside the maps by accuracy",
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
    what.add_argument(
        "--scored",
        choices=("steps", "end"),
        default="steps",
        help="score what is left after each step of a path, or at its end only (default: steps)",
    )
    what.add_argument(
        "--report",
        choices=("own", "all"),
        default="own",
        help="score what a task's path leaves on the task itself, or on all (default: own)",
    )
    add_healing_options(made)
    add("--batch-size", type=positive, default=8, help="answers in a trial of packed rows")
    add(
        "--budget",
        type=positive,
        help="tokens, over all removals, that go through a layer at once (default: 4096 on a CPU, "
        "else 16384)",
    )
    add(
        "--parts",
        type=positive,
        default=1,
        help="ranges of layers that a map is measured in, so that jobs on several devices that "
        "share the output folder take a range each (default: 1)",
    )
    add(
        "--memory",
        type=size,
        default=2**31,
        help="bytes of the device's memory, such as 2G, for what is kept between passes: keys and "
        "values of few-shot examples, and what enters layers (default: 2G)",
    )
    add("--max-length", type=positive, help="tokens of context (default: the model's own)")
    return made


def check(args: argparse.Namespace) -> None:
    """Check that options go together.

    Raises:
        TaskError: two of them do not.
    """
    whole = args.unit == "block"
    refused = {
        "Pruned models are healed: name what is removed with --paths or --random.": args.heal
        and not args.paths
        and not args.random,
        "A path of adjacent blocks removes whole layers: leave out --paths block, or --unit.": (
            not whole and "block" in args.paths
        ),
        "Healing trains what whole layers leave: leave out --heal, or --unit.": (
            not whole and args.heal
        ),
        "A map is measured lazily or by a race: leave out --lazy, or --racing.": (
            args.lazy and args.racing
        ),
        "What items score is kept of maps that are measured whole: leave out --parts, or "
        "--keep-items.": args.parts > 1 and args.keep_items,
    }
    for sentence, applies in refused.items():
        if applies:
            raise TaskError(sentence)
