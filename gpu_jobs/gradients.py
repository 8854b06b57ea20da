"""Measure the gradients of every layer's weight matrices on benchmarks and plain texts.

For Q, K, V, O, up, down and gate of each layer: the nuclear norm (equation 4 of the Structure
paper, 2509.18136) and other norms of the gradient of the fine-tuning loss, before and after steps
of fine-tuning, on all samples and on samples with responses of the same lengths.
"""

import argparse
import sys
from typing import Any

from gpu_jobs import command
from gpu_jobs.errors import ModelError, TextError
from gpu_jobs.gradient_options import parser


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = parser(__doc__).parse_args(arguments)
    return command.run(
        lambda dagster: _run(args, dagster),
        command.counted,
        "finished data sets are kept, so run it again to go on.",
        command.say,
    )


def _run(args: argparse.Namespace, dagster: Any) -> list[dict[str, Any]]:
    """Return the rows of the results, found or computed."""
    from gpu_jobs.datasets import read_dataset
    from modelstrata.settings import Settings

    if args.dtype != "float32" and any(args.steps):
        raise ModelError(
            f"Small steps of fine-tuning vanish in {args.dtype}: give --dtype float32, "
            "or leave --steps out."
        )
    folder = args.eval_data or Settings().eval_data
    found = [read_dataset(asked, folder, args.limit) for asked in args.dataset]
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TextError(f"Two data sets are named {twice[0]}: give NAME=PATH for one of them.")

    # From here on torch and transformers are needed, which take seconds to import.
    from gpu_jobs.gradient_rows import sentence
    from gpu_jobs.gradient_study import Study

    rows = Study(args, found, dagster, command.say).rows()
    for cell in {row["result_key"]: None for row in rows}:
        print(sentence([row for row in rows if row["result_key"] == cell]))
    return rows


if __name__ == "__main__":
    sys.exit(main())
