"""Measure how much each layer of a model matters, and remove those that matter least.

Relevance is measured on calibration items by one or several criteria, paths of removals are found
by it, and what they leave of the scores is measured on test items. Finished maps and scores are
kept in the output folder and never computed again.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from gpu_jobs import command
from gpu_jobs.errors import TaskError
from gpu_jobs.pruning_effects import change
from gpu_jobs.relevance_options import parser


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = parser(__doc__).parse_args(arguments)
    return command.run_quietly(
        lambda dagster, stderr: _run(args, dagster, stderr),
        "finished maps and scores are kept, so run it again to go on.",
    )


def _run(args: argparse.Namespace, dagster: Any, stderr: TextIO) -> list[dict[str, Any]]:
    """Return the rows of maps of the whole model, or of paths if any are asked for."""
    from gpu_jobs.pruning_paths import follow
    from gpu_jobs.relevance_study import Study

    def say(line: str) -> None:
        command.say(line, stderr)

    if args.unit != "block" and "block" in args.paths:
        raise TaskError(
            "A path of adjacent blocks removes whole layers: leave out --paths block, or --unit."
        )
    if args.lazy and args.racing:
        raise TaskError("A map is measured lazily or by a race: leave out --lazy, or --racing.")
    if args.parts > 1 and args.keep_items:
        raise TaskError(
            "What items score is kept of maps that are measured whole: leave out --parts, or "
            "--keep-items."
        )
    study = Study(args, dagster, say)
    rows: list[dict[str, Any]] = []
    tests = list(study.sets.tests()) if args.paths or args.random else []
    for calibration in study.calibrations():
        name = calibration.items.name
        # A path that is found on one task is reported on it; one for all is reported on all.
        reported = [t for t in tests if t.name == name] or tests
        for criterion in args.criteria:
            try:
                found = study.relevance(calibration, criterion, ())
            except TaskError as error:
                say(str(error))
                continue
            least = sorted(range(study.n_layers), key=lambda layer: found.values[layer])[:5]
            print(f"{name}, {criterion}: least relevant are layers {' '.join(map(str, least))}")
            rows += study.rows(calibration, criterion)
            for kind in _kinds(args, criterion):
                made = follow(study, calibration, criterion, kind, reported)
                rows += made
                _print(made)
    for seed in range(args.random):
        made = follow(study, None, "random", "random", tests, seed)
        rows += made
        _print(made)
    if not rows:
        raise TaskError(
            "The model is at chance on every task, so that nothing is left to measure: choose "
            "other tasks, or another criterion than accuracy."
        )
    return rows


def _kinds(args: argparse.Namespace, criterion: str) -> Iterator[str]:
    for kind in args.paths:
        # Blocks are chosen by cosine, beams by the accuracy that is left.
        if {"block": "cosine", "beam": "accuracy"}.get(kind, criterion) == criterion:
            yield kind


def _print(rows: list[dict[str, Any]]) -> None:
    last = max(row["step"] for row in rows)
    for row in rows:
        if row["step"] == last:
            print(
                f"{row['task']} ({row['split']}), {row['path']} by {row['criterion']}, layers "
                f"{row['removed_layers']} removed: {change(row)}"
            )


if __name__ == "__main__":
    sys.exit(main())
