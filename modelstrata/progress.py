"""Progress bars with an estimate on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

_PLAIN_INTERVAL_S = 5.0


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show the progress of `total` steps; call the yielded function with a name after each.

    On a terminal this is a bar with counts, elapsed and remaining time. In a log it is a line at
    most every five seconds, and one at the end.
    """
    # The real one, also while a run redirects what others print.
    console = Console(file=sys.__stderr__)
    if console.is_terminal:
        columns = (
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("[dim]{task.fields[step]}"),
        )
        with Progress(*columns, console=console) as bars:
            task = bars.add_task(label, total=total, step="")

            def advance(step: str) -> None:
                bars.update(task, advance=1, step=step)

            yield advance
            bars.update(task, step="")
    else:
        yield from _plain(label, total)


def _plain(label: str, total: int) -> Iterator[Callable[[str], None]]:
    start = last = time.monotonic()
    done = 0

    def line(text: str) -> None:
        print(f"{label}: {text}", file=sys.__stderr__, flush=True)

    def advance(step: str) -> None:
        nonlocal done, last
        done += 1
        now = time.monotonic()
        # The first steps include start-up, so that an estimate from them alone would mislead.
        if now - last >= _PLAIN_INTERVAL_S and 3 <= done < total:
            last = now
            left = (now - start) / done * (total - done)
            line(f"{done}/{total}, about {left:.0f} s left" + (f" ({step})" if step else ""))

    yield advance
    line(f"{done}/{total} done in {time.monotonic() - start:.1f} s")
