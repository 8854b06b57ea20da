"""Measure what removing layers does to a model's benchmark scores.

Layers are removed from the model in memory and each benchmark is evaluated before and after, with
lm-eval's stock tasks. Finished evaluations are kept in the output folder and never computed again.
"""

import argparse
import sys
from typing import Any, TextIO

from gpu_jobs import command
from gpu_jobs.errors import ModelError
from gpu_jobs.pruning_options import parser


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = parser(__doc__).parse_args(arguments)
    return command.run_quietly(
        lambda dagster, stderr: _run(args, dagster, stderr),
        "finished evaluations are kept, so run it again to go on.",
    )


def _run(args: argparse.Namespace, dagster: Any, stderr: TextIO) -> list[dict[str, Any]]:
    """Return the effects, found or computed."""
    from gpu_jobs import protocols, selections

    if not (args.layers or args.n or args.random):
        raise ModelError("No layers are named: give --layers 21-29, --n 5 or --random 5.")
    benchmarks = protocols.benchmarks_of(args.protocol, args.tasks, args.without)

    # From here on torch and transformers are needed, which take seconds to import.
    from gpu_jobs.mean_influence import mean_influence
    from gpu_jobs.pruning_effects import at_chance, sentence
    from gpu_jobs.pruning_study import Study

    study = Study(args, dagster, lambda line: command.say(line, stderr))
    chosen = [selections.given(text, study.n_layers) for text in args.layers]
    chosen += [
        selections.drawn(n, seed, study.n_layers) for n in args.random for seed in range(args.draws)
    ]
    for n in args.n:
        # Refused before the long work.
        selections.least_influential([0.0] * study.n_layers, n)
    study.load(benchmarks)
    if args.n:
        values = mean_influence(study, study.tasks)
        chosen += [selections.least_influential(values, n) for n in args.n]
    rows = study.effects(chosen)
    for row in rows:
        print(sentence(row))
    unsure = {row["benchmark"]: row for row in rows if at_chance(row)}
    for name, row in unsure.items():
        guess = "no answer is right" if row["chance"] is None else f"guessing {row['chance']:.1f}"
        command.say(
            f"The full model is at chance on {name} ({row['before']:.1f}; {guess}): "
            "its differences there tell nothing about layers.",
            stderr,
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
