"""What the programs' command lines share: the connection to Dagster, errors and exit codes."""

import hashlib
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

from gpu_jobs import pipes
from modelstrata.errors import ModelstrataError

Rows = list[dict[str, Any]]


def run(
    work: Callable[[Any], Rows],
    told: Callable[[Rows], tuple[dict[str, Any], str]],
    interrupted: str,
    say: Callable[[str], None],
) -> int:
    """Do a program's work; return 0, or 1 after an `error:` line, or 130 if it was interrupted.

    Args:
        work: takes the connection to Dagster, or None, and returns the rows of the results.
        told: returns what Dagster shows of the rows, beside the seconds, and their data version.
        interrupted: what is said of an interrupted run.
        say: takes lines for the user.
    """
    start = time.monotonic()
    try:
        with pipes.connection() as dagster:
            rows = work(dagster)
            if dagster is not None:
                metadata, data_version = told(rows)
                seconds = round(time.monotonic() - start, 1)
                dagster.report_asset_materialization(
                    metadata={**metadata, "seconds": seconds}, data_version=data_version
                )
    except ModelstrataError as error:
        say(f"error: {' '.join(str(error).split())}")
        return 1
    except KeyboardInterrupt:
        say(f"error: interrupted; {interrupted}")
        return 130
    return 0


def run_quietly(work: Callable[[Any, TextIO], Rows], interrupted: str) -> int:
    """Do a program's work as `run` does, while lm-eval's own output is turned away from stderr.

    Args:
        work: takes the connection to Dagster, or None, and the stream for the user; returns the
            rows of several results.
        interrupted: what is said of an interrupted run.
    """
    stderr = sys.stderr
    return run(
        lambda dagster: work(dagster, stderr), counted, interrupted, lambda line: say(line, stderr)
    )


def counted(rows: Rows) -> tuple[dict[str, Any], str]:
    """Tell the keys of several results; their version covers all of them."""
    keys = sorted({row["result_key"] for row in rows})
    return {"result_keys": keys}, hashlib.sha256(" ".join(keys).encode()).hexdigest()[:32]


def say(line: str, stream: TextIO | None = None) -> None:
    """Write a line at once, to stderr if no stream is given."""
    print(line, file=stream or sys.stderr, flush=True)
