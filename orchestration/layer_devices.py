"""Devices of the layer jobs: no two runs share one, whoever starts them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
from filelock import FileLock, Timeout

from modelstrata.errors import storage_errors
from modelstrata.settings import Settings

#: Pool of the steps that run a model; it has a place for each device.
POOL = "gpu"
_WAIT_S = 2.0


@contextmanager
def held_device(settings: Settings) -> Iterator[str]:
    """Wait for a device that no other run on this data folder uses, and hold it in the block.

    Dagster's pool lets no more runs in than there are devices; this tells them apart, and also
    holds where the page and the command line have histories of their own.

    Raises:
        StorageError: the data folder cannot be written.
    """
    while True:
        for name in settings.devices:
            lock = FileLock(settings.layers / f".device-{name.replace('/', '-')}.lock", timeout=0)
            try:
                with storage_errors(settings.data):
                    settings.layers.mkdir(parents=True, exist_ok=True)
                    lock.acquire()
            except Timeout:
                continue
            try:
                yield name
            finally:
                lock.release()
            return
        time.sleep(_WAIT_S)


def set_places(instance: dg.DagsterInstance, n_devices: int) -> None:
    """Give the pool a place for each device."""
    storage = instance.event_log_storage
    if storage.get_concurrency_info(POOL).slot_count != n_devices:
        storage.set_concurrency_slots(POOL, n_devices)
