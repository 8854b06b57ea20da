"""The edge to Dagster: a job launched through Dagster Pipes reports to it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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
    with open_dagster_pipes() as context:
        yield context


def reporting(advance: Callable[[str], None], pipes: Any, total: int) -> Callable[[str], None]:
    """Return `advance`, which now and then also logs to Dagster."""
    if pipes is None:
        return advance
    done, last = 0, time.monotonic()

    def report(step: str) -> None:
        nonlocal done, last
        advance(step)
        done += 1
        if time.monotonic() - last >= _INTERVAL_S or done == total:
            last = time.monotonic()
            pipes.log.info(f"{done}/{total} batches ({step})")

    return report
