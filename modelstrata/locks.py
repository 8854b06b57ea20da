"""The data folder's lock: builds hold it from copy to publish, compactions while they replace."""

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from modelstrata.errors import BuildInProgress
from modelstrata.settings import Settings


def acquire_lock(settings: Settings) -> FileLock:
    """Take the data folder's lock.

    Raises:
        BuildInProgress: it is held by another run.
    """
    lock = FileLock(settings.lock_file, timeout=settings.lock_timeout)
    try:
        lock.acquire()
    except Timeout as error:
        raise BuildInProgress(
            f"Another run is building in {settings.data}: wait for it to end, set "
            "MODELSTRATA_LOCK_TIMEOUT to the seconds you would wait, or set MODELSTRATA_DATA "
            "to another folder."
        ) from error
    return lock


@contextmanager
def data_lock(settings: Settings) -> Iterator[None]:
    """Hold the data folder's lock, as long as the block runs.

    Raises:
        BuildInProgress: it is held by another run.
    """
    lock = acquire_lock(settings)
    try:
        yield
    finally:
        lock.release()
