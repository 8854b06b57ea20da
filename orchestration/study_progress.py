"""One bar over all partitions of the study, or one for a partition that runs by itself."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from modelstrata.progress import Advance, progress

#: Counts the tasks of several partitions in one bar, where a command runs them all.
_shared: ContextVar[Advance | None] = ContextVar("shared", default=None)


@contextlib.contextmanager
def shared_progress(total: int) -> Iterator[None]:
    """Show one bar over all partitions that run inside the block."""
    with progress("study", total) as advance:
        token = _shared.set(advance)
        try:
            yield
        finally:
            _shared.reset(token)


@contextlib.contextmanager
def partition_progress(name: str, partition: str, total: int) -> Iterator[Callable[[str], None]]:
    """Yield what counts a partition's tasks: in the shared bar, or in one of its own."""
    shared = _shared.get()
    if shared is not None:
        yield lambda step: shared(f"{name}: {step}")
        return
    with progress(f"{name} {partition}", total) as advance:
        yield advance
