"""Errors a user can act on: each message says what, where and the remedy."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager


class ModelstrataError(Exception):
    """Base of all expected failures; command lines print its message without a traceback."""


class SettingsError(ModelstrataError):
    """An environment variable holds a value that cannot be used."""


class LandingError(ModelstrataError):
    """A file of the landing zone cannot be used as it is."""


class InvalidModelId(ModelstrataError, ValueError):
    """A model id from outside does not have the Hub's form."""


class BuildInProgress(ModelstrataError):
    """Another run holds the data folder's lock."""


class BuildFailed(ModelstrataError):
    """A build stopped before publishing; the last good warehouse stays."""


class JobFailed(ModelstrataError):
    """A layer job's program ended with an error; what it had finished stays."""


class NotEnoughData(ModelstrataError):
    """Too few rows or groups for the study that was asked for."""


class WarehouseError(ModelstrataError):
    """There is no warehouse, or it lacks what is asked of it."""


class ConfigError(ModelstrataError):
    """A config.json cannot be used as it is, or no model has the id that was asked for."""


class PredictorError(ModelstrataError):
    """There is no predictor, or it is stale, damaged or of a kind that is not known."""


class PublishFailed(ModelstrataError):
    """A release was not published, or not as it should be; the message says how far it came."""


class StorageError(ModelstrataError):
    """The disk is full, read-only or not writable for this user."""


_REMEDIES = {
    errno.ENOSPC: "No space is left on the disk that holds {path}: free some, "
    "or set MODELSTRATA_DATA to a folder on a larger disk.",
    errno.EDQUOT: "The disk quota for {path} is used up: free some space, "
    "or set MODELSTRATA_DATA to another folder.",
    errno.EACCES: "No permission to write {path}: change its owner or mode, "
    "or set MODELSTRATA_DATA to a folder you can write.",
    errno.EPERM: "No permission to write {path}: change its owner or mode, "
    "or set MODELSTRATA_DATA to a folder you can write.",
    errno.ENOTDIR: "{path} cannot be made, because a file stands where a folder should be: "
    "remove it, or set MODELSTRATA_DATA to another folder.",
    errno.EROFS: "{path} lies on a read-only file system: "
    "set MODELSTRATA_DATA to a folder you can write.",
}


def storage_error(error: OSError, path: str | os.PathLike[str]) -> StorageError | None:
    """Return the clear sentence for an operating-system error, or None if it is another kind."""
    remedy = _REMEDIES.get(error.errno or 0)
    return StorageError(remedy.format(path=error.filename or path)) if remedy else None


def storage_error_in_text(text: str, path: str | os.PathLike[str]) -> StorageError | None:
    """Recognise a disk or permission error in another program's message (DuckDB, dbt)."""
    for number in _REMEDIES:
        if os.strerror(number).lower() in text.lower():
            return StorageError(_REMEDIES[number].format(path=path))
    return None


@contextmanager
def storage_errors(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn disk-full, permission and read-only errors inside the block into `StorageError`."""
    try:
        yield
    except OSError as error:
        clear = storage_error(error, path)
        if clear is None:
            raise
        raise clear from error
