"""The edge to Dagster: a job launched through Dagster Pipes reports to it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modelstrata.processes import end_with_parent
from modelstrata.progress import Advance

_INTERVAL_S = 10.0


@contextmanager
def connection() -> Iterator[Any]:
    """Yield the connection to Dagster if this process was launched by it, else None."""
    try:
        from dagster_pipes import PipesEnvVarParamsLoader, open_dagster_pipes
    except ImportError:
        yield None
        return
    if not PipesEnvVarParamsLoader().is_dagster_pipes_process():
        yield None
        return
    # A run that is killed cannot stop the program that it launched.
    end_with_parent()
    with open_dagster_pipes() as context:
        yield context


def reporting(advance: Advance, dagster: Any, total: int, label: str = "") -> Advance:
    """Return `advance`, which now and then, and at the end, also logs to Dagster.

    Args:
        advance: counts steps for the user.
        dagster: the connection to Dagster, or None.
        total: all steps.
        label: names the work in the log.
    """
    if dagster is None:
        return advance
    done, last = 0, time.monotonic()
    named = f"{label}: " if label else ""

    def report(step: str, amount: int = 1, /) -> None:
        nonlocal done, last
        advance(step, amount)
        done += amount
        if time.monotonic() - last >= _INTERVAL_S or done == total:
            last = time.monotonic()
            dagster.log.info(f"{named}{done}/{total} ({step})")

    return report
