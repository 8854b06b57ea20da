"""Workers that go on with a study's next part while the last one is being landed."""

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from itertools import chain, islice

from ml.plan import PARTS
from ml.workers import Done, results
from modelstrata.settings import Settings
from orchestration.study import read_rows

_ahead: ContextVar["_Ahead | None"] = ContextVar("ahead", default=None)


class _Ahead:
    """Results of parts, by the key that they will be landed under, in the order of their work."""

    def __init__(self, settings: Settings, parts: dict[str, dict[str, str]]) -> None:
        """Begin with parts, whose keys stand by partition and name, when first asked for one."""
        self._waiting: dict[str, int] = {}
        self._kept: dict[str, list[Done]] = {}
        inputs = []
        for partition, keys in parts.items():
            tasks = {key: PARTS[name].tasks(partition) for name, key in keys.items()}
            self._waiting |= {key: len(some) for key, some in tasks.items()}
            # All parts of a partition read the same rows.
            rows = read_rows(settings.warehouse, PARTS[next(iter(keys))], partition)
            inputs.append((rows, list(chain(*tasks.values()))))
        self._results = results(inputs, settings.threads)

    def take(self, key: str) -> Iterable[Done] | None:
        """Return the results of a key as they come; None if nobody is at it."""
        while key in self._waiting and (first := next(iter(self._waiting))) != key:
            self._kept[first] = list(self._next(self._waiting.pop(first)))
        if key in self._kept:
            return self._kept.pop(key)
        return self._next(self._waiting.pop(key)) if key in self._waiting else None

    def _next(self, n: int) -> Iterator[Done]:
        try:
            yield from islice(self._results, n)
        except BaseException:
            # Whose results would be next is not known any more.
            self._waiting.clear()
            raise


@contextlib.contextmanager
def working_ahead(settings: Settings, parts: dict[str, dict[str, str]]) -> Iterator[None]:
    """Fit these parts in one go; inside the block `at_work` hands out their results."""
    token = _ahead.set(_Ahead(settings, parts))
    try:
        yield
    finally:
        _ahead.reset(token)


def at_work(key: str) -> Iterable[Done] | None:
    """Return the results of a key that workers are at already, or None."""
    ahead = _ahead.get()
    return ahead.take(key) if ahead else None
