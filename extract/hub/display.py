"""What a crawl shows while it runs: a bar on a terminal, a line every few seconds in a log."""

import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from extract.hub.gate import Gate

_LINE_EVERY_S = 10.0
_DRAW_EVERY_S = 0.25
#: The rate is that of the last minutes, and of no less than some seconds.
_RATE_OVER_S = 300.0
_RATE_FROM_S = 3.0


def duration(seconds: float) -> str:
    """Write a time span with two units at most."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


class Phase:
    """One part of a crawl: how much is done, how fast, what the window permits, when it ends.

    Args:
        label: its name.
        unit: what is counted; each costs one request.
        total: how many there are, if that is known.
        gate: the gate that its requests pass.
        done: how many an earlier run did.
    """

    def __init__(self, label: str, unit: str, total: int | None, gate: Gate, done: int = 0) -> None:
        self.label = label
        self.unit = unit
        self.total = total
        self.done = done
        self.note = ""
        self._gate = gate
        self._start = time.monotonic()
        self._marks: deque[tuple[float, int]] = deque([(self._start, done)])

    def advance(self, count: int, note: str) -> None:
        """Count what was done."""
        self.done += count
        self.note = note
        now = time.monotonic()
        if now - self._marks[-1][0] > 1:
            self._marks.append((now, self.done))
            while now - self._marks[0][0] > _RATE_OVER_S and len(self._marks) > 2:
                self._marks.popleft()

    def rate(self) -> float | None:
        """Return units a second in the last minutes, waits included; None in the first seconds."""
        since, count = self._marks[0]
        passed = time.monotonic() - since
        return (self.done - count) / passed if passed >= _RATE_FROM_S else None

    def left_s(self) -> float | None:
        """Estimate the seconds to the end: never faster than measured, nor than is permitted."""
        if self.total is None:
            return None
        status = self._gate.status()
        permitted = status.quota / status.window_s if status.quota and status.window_s else None
        rates = [rate for rate in (self.rate(), permitted) if rate]
        return max(0, self.total - self.done) / min(rates) if rates else None

    def facts(self) -> list[str]:
        """Say all of it in words."""
        rate, left = self.rate(), self.left_s()
        status = self._gate.status()
        said = [self.note] if self.note else []
        if rate is not None:
            said.append(f"{rate:.1f} {self.unit}/s")
        if status.quota is not None and status.left is not None and status.reset_s is not None:
            window = f"{status.left:,} of {status.quota:,} requests left"
            said.append(f"{window} for {duration(status.reset_s)}")
        if left is not None and self.done < (self.total or 0):
            said.append(f"about {duration(left)} to go")
        return said


class Display:
    """Shows phases one after the other, on the standard error stream."""

    def __init__(self) -> None:
        self._console = Console(file=sys.__stderr__)
        self._bars: Progress | None = None
        self._task: TaskID | None = None
        self._shown = 0.0

    @contextmanager
    def phase(
        self, label: str, unit: str, total: int | None, gate: Gate, done: int = 0
    ) -> Iterator[Phase]:
        """Show a phase as long as the block runs; `show` draws it anew now and then."""
        phase = Phase(label, unit, total, gate, done)
        self._shown = time.monotonic()
        if self._console.is_terminal:
            columns = (
                TextColumn("{task.description:<10}"),
                BarColumn(bar_width=24),
                TextColumn("{task.fields[count]}"),
                TextColumn("[dim]{task.fields[facts]}"),
            )
            with Progress(*columns, console=self._console) as self._bars:
                self._task = self._bars.add_task(label, total=total, count="", facts="")
                try:
                    yield phase
                finally:
                    self._draw(phase)
            self._bars = None
        else:
            try:
                yield phase
            finally:
                self._draw(phase)

    def show(self, phase: Phase) -> None:
        """Draw a phase, if the last time is long enough ago."""
        every = _DRAW_EVERY_S if self._bars else _LINE_EVERY_S
        if time.monotonic() - self._shown >= every:
            self._draw(phase)

    def _draw(self, phase: Phase) -> None:
        self._shown = time.monotonic()
        whole = f"/{phase.total:,}" if phase.total is not None else ""
        count = f"{phase.done:,}{whole} {phase.unit}"
        facts = ", ".join(phase.facts())
        if self._bars is not None and self._task is not None:
            self._bars.update(self._task, completed=phase.done, count=count, facts=facts)
        else:
            line = f"{phase.label}: {count}" + (f", {facts}" if facts else "")
            self._console.print(line, highlight=False, markup=False, soft_wrap=True)
