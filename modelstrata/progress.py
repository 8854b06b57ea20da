"""Progress bars with an estimate on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PLAIN_INTERVAL_S = 5.0


class Advance(Protocol):
    """Counts a step, or several: bytes of a file, say."""

    def __call__(self, step: str, amount: int = 1, /) -> None:
        """Count `amount` steps under the name `step`."""


@contextmanager
def progress(label: str, total: int, *, is_bytes: bool = False) -> Iterator[Advance]:
    """Show the progress of `total` steps; call the yielded function with a name after each.

    With `is_bytes` the steps are bytes, and the function is called with a name and how many.

    On a terminal this is a bar with counts, elapsed and remaining time. In a log it is a line at
    most every five seconds, and one at the end.
    """
    # The real one, also while a run redirects what others print.
    console = Console(file=sys.__stderr__)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(),
            DownloadColumn() if is_bytes else MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[step]}"),
        )
        with Progress(*columns, console=console) as bars:
            task = bars.add_task(label, total=total, step="")

            def advance(step: str, amount: int = 1, /) -> None:
                bars.update(task, advance=amount, step=step)

            yield advance
            bars.update(task, step="")
    else:
        yield from _plain(label, total, is_bytes)


def _plain(label: str, total: int, is_bytes: bool) -> Iterator[Advance]:
    start = last = time.monotonic()
    done = steps = 0

    def line(text: str) -> None:
        print(f"{label}: {text}", file=sys.__stderr__, flush=True)

    def count() -> str:
        if not is_bytes:
            return f"{done}/{total}"
        return f"{done / 1e6:,.1f}/{total / 1e6:,.1f} MB"

    def advance(step: str, amount: int = 1, /) -> None:
        nonlocal done, last, steps
        done += amount
        steps += 1
        now = time.monotonic()
        # The first steps include start-up, so that an estimate from them alone would mislead.
        if now - last >= _PLAIN_INTERVAL_S and steps >= 3 and done < total:
            last = now
            left = (now - start) / done * (total - done)
            line(f"{count()}, about {left:.0f} s left" + (f" ({step})" if step else ""))

    yield advance
    line(f"{count()} done in {time.monotonic() - start:.1f} s")
