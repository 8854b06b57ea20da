"""The crawl folder: one crawl at a time, and the state of one Hub."""

import contextlib
from collections.abc import Iterator
from urllib.parse import urlsplit

from filelock import FileLock, Timeout

from extract.hub.batches import Batches
from extract.hub.errors import CrawlInProgress
from extract.hub.hub import Hub
from extract.hub.state import State
from modelstrata.errors import storage_errors
from modelstrata.landing import prepare
from modelstrata.settings import Settings

#: `is_crawling` holds the lock for a moment, which must not keep a crawl from starting.
_LEAST_TIMEOUT_S = 1.0


def _lock(settings: Settings) -> FileLock:
    return FileLock(settings.crawl / ".lock")


@contextlib.contextmanager
def crawl_lock(settings: Settings) -> Iterator[None]:
    """Hold the crawl folder's lock.

    Raises:
        CrawlInProgress: another crawl holds it.
    """
    with storage_errors(settings.crawl):
        settings.crawl.mkdir(parents=True, exist_ok=True)
    lock = _lock(settings)
    try:
        lock.acquire(timeout=max(_LEAST_TIMEOUT_S, settings.lock_timeout))
    except Timeout as error:
        raise CrawlInProgress(
            f"Another crawl is running on {settings.crawl}: wait for it, set "
            "MODELSTRATA_LOCK_TIMEOUT, or set MODELSTRATA_DATA to another folder."
        ) from error
    try:
        yield
    finally:
        lock.release()


def is_crawling(settings: Settings) -> bool:
    """Tell whether a crawl holds the crawl folder's lock, started from wherever."""
    lock = _lock(settings)
    if not settings.crawl.is_dir():
        return False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def open_state(settings: Settings, hub: Hub) -> State:
    """Open the state of crawls of a Hub.

    Raises:
        HubError: it is that of another Hub.
        StorageError: it cannot be written.
    """
    return State(settings.crawl, urlsplit(hub.endpoint).hostname or "")


@contextlib.contextmanager
def session(settings: Settings, hub: Hub) -> Iterator[tuple[State, Batches]]:
    """Hold the lock and give the state, and what lands from it.

    Raises:
        CrawlInProgress: another crawl is running.
        HubError: the state is another Hub's.
        StorageError: the data folder cannot be written.
    """
    with crawl_lock(settings):
        prepare(settings.landing)
        state = open_state(settings, hub)
        try:
            yield state, Batches(state, settings.landing)
        finally:
            state.close()
