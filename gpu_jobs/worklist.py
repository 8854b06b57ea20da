"""Working off cells: finished ones are skipped, ones that another job computes are waited for."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gpu_jobs.cells import CellStore
from gpu_jobs.pipes import reporting
from modelstrata.progress import progress

_WAIT_S = 2.0


@dataclass(frozen=True)
class Cell:
    """A result that is computed and filed as one.

    Attributes:
        table: where it is filed.
        made: the columns that say how it is made; `result_key` is its key.
        size: steps it takes; called when it has to be computed.
        compute: returns its rows; calls its argument with a name and a number of steps.
    """

    table: str
    made: dict[str, Any]
    size: Callable[[], int]
    compute: Callable[[Callable[[str, int], None]], list[dict[str, Any]]]

    @property
    def key(self) -> str:
        """The key it is filed under."""
        return str(self.made["result_key"])


def work_off(
    store: CellStore,
    cells: Sequence[Cell],
    columns: Mapping[str, str],
    label: str,
    say: Callable[[str], None],
    dagster: Any = None,
) -> None:
    """Compute the cells that are not finished, in order.

    A cell that another job holds is left to it; in the end this job waits for it, and takes it
    over if the other one stops without a result.

    Args:
        store: where finished cells are.
        cells: all that are wanted; two may have the same key.
        columns: the columns of their table.
        label: names the work in the progress bar.
        say: takes lines for the user.
        dagster: the connection to Dagster, or None.
    """
    missing = {cell.key: cell for cell in cells if not store.is_done(cell.table, cell.key)}
    if len(missing) < len({cell.key for cell in cells}):
        done = len({cell.key for cell in cells}) - len(missing)
        say(f"{label}: {done} of {done + len(missing)} cells are finished already")
    pending = list(missing.values())
    if not pending:
        return
    sizes = {cell.key: cell.size() for cell in pending}
    with progress(label, sum(sizes.values())) as advance:
        count = reporting(advance, dagster, sum(sizes.values()), label)
        while pending:
            held = [cell for cell in pending if not _finish(store, cell, columns, count, sizes)]
            if len(held) == len(pending):
                say(f"{label}: waiting for {len(held)} cells that another job computes")
                _wait(store, held)
            pending = held


def _finish(
    store: CellStore,
    cell: Cell,
    columns: Mapping[str, str],
    count: Callable[[str, int], None],
    sizes: Mapping[str, int],
) -> bool:
    """Compute a cell unless it is done; return False if another job holds it."""
    with store.claim(cell.key) as mine:
        if not mine:
            return False
        if store.is_done(cell.table, cell.key):
            count("made by another job", sizes[cell.key])
            return True
        rows = cell.compute(count)
        now = datetime.now(UTC)
        stamped = [{**row, "computed_at": now} for row in rows]
        store.write(cell.table, cell.key, stamped, columns)
    return True


def _wait(store: CellStore, held: Sequence[Cell]) -> None:
    """Wait until one of the cells is done or let go."""
    while True:
        time.sleep(_WAIT_S)
        for cell in held:
            with store.claim(cell.key) as free:
                if free or store.is_done(cell.table, cell.key):
                    return
