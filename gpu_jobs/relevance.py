"""Measure how much each layer of a model matters, and remove those that matter least.

Relevance is measured on calibration items by one or several criteria, paths of removals are found
by it, and what they leave of the scores is measured on test items, without and with fine-tuning.
Finished maps and scores are kept in the output folder and never computed again.
"""

import argparse
import sys
from collections.abc import Iterator
from typing import Any, TextIO

from gpu_jobs import command
from gpu_jobs.errors import TaskError
from gpu_jobs.pruning_effects import change
from gpu_jobs.relevance_options import check, parser


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = parser(__doc__).parse_args(arguments)
    return command.run_quietly(
        lambda dagster, stderr: _run(args, dagster, stderr),
        "finished maps and scores are kept, so run it again to go on.",
    )


def _run(args: argparse.Namespace, dagster: Any, stderr: TextIO) -> list[dict[str, Any]]:
    """Return the rows of maps of the whole model, or of paths if any are asked for."""
    from gpu_jobs.healing_study import Healer
    from gpu_jobs.pruning_paths import Search, follow
    from gpu_jobs.relevance_study import Study

    check(args)
    walked = bool(args.paths or args.random)
    if args.heal:
        args.share = max(args.share, *args.heal_shares)

    def say(line: str) -> None:
        command.say(line, stderr)

    study = Study(args, dagster, say)
    rows: list[dict[str, Any]] = []
    tests = list(study.sets.tests()) if walked else []
    if walked and not tests:
        raise TaskError("Paths are scored on tasks with choices: name some with --tasks.")
    healer = Healer(study) if args.heal else None
    for calibration in study.calibrations():
        name = calibration.items.name
        # A path that is found on one task is reported on it; one for all is reported on all.
        own = [] if args.report == "all" else [t for t in tests if t.name == name]
        reported = own or tests
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
                try:
                    made = follow(study, Search(calibration, criterion, kind), reported, healer)
                except TaskError as error:
                    say(f"No {kind} path by {criterion} on {name}: {error}")
                    continue
                rows += made
                _print(made)
    for seed in range(args.random):
        made = follow(study, Search(None, "random", "random", seed), tests, healer)
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
        if row["healed"] or row["step"] == last:
            print(
                f"{row['task']} ({row['split']}), {row['path']} by {row['criterion']}, layers "
                f"{row['removed_layers']} removed{_healing(row)}: {change(row)}"
            )


def _healing(row: dict[str, Any]) -> str:
    if not row["healed"]:
        return ""
    return (
        f" and healed in {row['healing_best_step']} steps (validation loss "
        f"{row['healing_loss_before']:.3f} to {row['healing_loss']:.3f})"
    )


if __name__ == "__main__":
    sys.exit(main())
