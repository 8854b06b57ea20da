"""Batches that take the place of others, all at once, whatever happens in the middle.

The landing zone is append-only but for this. New batches are written into the hidden folder
`.replacement`; a journal beside them says which old ones they stand for. Once it is there, the
replacement happens: new batches are moved in, old ones removed, the journal last. Who finds a
journal finishes what it says. Until it is there, nothing has changed.

Both, the replacement and its end, need the data folder's lock: builds hold it while they read.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path

from modelstrata.errors import LandingError, storage_errors
from modelstrata.landing import batch_path, sync_folder, write_atomically

Batch = tuple[str, str]


def replacement_folder(landing: Path) -> Path:
    """Return where new batches wait, as `<table>/<batch>.parquet`, until they replace others."""
    return landing / ".replacement"


def _journal(landing: Path) -> Path:
    return replacement_folder(landing) / "journal.json"


def replace_batches(landing: Path, old: Iterable[Batch], new: Iterable[Batch]) -> None:
    """Put what lies in the replacement folder in the place of old batches, (table, name) each.

    Raises:
        LandingError: a table or name is none.
        StorageError: the disk is full or not writable.
    """
    journal = {"old": sorted(old), "new": sorted(new)}
    text = json.dumps(journal, indent=1)
    write_atomically(_journal(landing), lambda path: path.write_text(text))
    finish_replacement(landing)


def finish_replacement(landing: Path) -> bool:
    """Finish a replacement that was decided and stopped; return whether there was one.

    Raises:
        LandingError: the journal names what is no batch, or a new batch is gone.
        StorageError: the disk is full or not writable.
    """
    waiting, journal = replacement_folder(landing), _journal(landing)
    if not journal.exists():
        return False
    with storage_errors(landing):
        batches = json.loads(journal.read_text())
        targets = [batch_path(landing, table, name) for table, name in batches["new"]]
        gone = [batch_path(landing, table, name) for table, name in batches["old"]]
        for target in targets:
            written = waiting / target.relative_to(landing)
            if written.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                written.replace(target)
            elif not target.exists():
                raise LandingError(
                    f"{journal} replaces batches by {target.name}, which is gone: nothing was "
                    f"removed. Remove {waiting} to keep the batches as they are."
                )
        folders = {path.parent for path in [*targets, *gone]}
        for folder in folders:
            sync_folder(folder)
        for path in gone:
            path.unlink(missing_ok=True)
        for folder in folders:
            sync_folder(folder)
        journal.unlink()
        shutil.rmtree(waiting, ignore_errors=True)
    return True


def drop_undecided(landing: Path) -> None:
    """Remove what a replacement that was stopped before its journal has left."""
    if not _journal(landing).exists():
        shutil.rmtree(replacement_folder(landing), ignore_errors=True)
