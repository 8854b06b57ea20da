"""Measure the gradients of every layer's weight matrices on benchmarks and plain texts.

For Q, K, V, O, up, down and gate of each layer: the nuclear norm (equation 4 of the Structure
paper, 2509.18136) and other norms of the gradient of the fine-tuning loss, before and after steps
of fine-tuning, on all samples and on samples with responses of the same lengths.
"""

import argparse
import hashlib
import sys
import time
from typing import Any

from gpu_jobs import pipes
from gpu_jobs.errors import ModelError, TextError
from gpu_jobs.gradient_options import parser
from modelstrata.errors import ModelstrataError


def main(arguments: list[str] | None = None) -> int:
    """Run the program; return 0, or 1 after an `error:` line on stderr."""
    args = parser(__doc__).parse_args(arguments)
    start = time.monotonic()
    try:
        with pipes.connection() as dagster:
            rows = _run(args, dagster)
            if dagster is not None:
                keys = " ".join(sorted({row["result_key"] for row in rows}))
                dagster.report_asset_materialization(
                    metadata={"rows": len(rows), "seconds": round(time.monotonic() - start, 1)},
                    data_version=hashlib.sha256(keys.encode()).hexdigest()[:32],
                )
    except ModelstrataError as error:
        _say(f"error: {' '.join(str(error).split())}")
        return 1
    except KeyboardInterrupt:
        _say("error: interrupted; finished data sets are kept, so run it again to go on.")
        return 130
    return 0


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
    found = [read_dataset(asked, folder) for asked in args.dataset]
    names = [one.name for one in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise TextError(f"Two data sets are named {twice[0]}: give NAME=PATH for one of them.")

    # From here on torch and transformers are needed, which take seconds to import.
    from gpu_jobs.gradient_study import Study, sentence

    rows = Study(args, found, dagster, _say).rows()
    for cell in {row["result_key"]: None for row in rows}:
        print(sentence([row for row in rows if row["result_key"] == cell]))
    return rows


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
