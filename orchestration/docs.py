"""dbt's documentation of the warehouse, as one self-contained page."""

import shutil
from pathlib import Path

from modelstrata.landing import write_atomically
from modelstrata.settings import Settings
from orchestration.dbt_cli import run_dbt

PAGE = "index.html"


def docs_page(settings: Settings) -> Path:
    """Return where the documentation lies."""
    return settings.docs / PAGE


def generate_docs(target_path: Path) -> Path:
    """Generate the page for the build file and return where it was written.

    Args:
        target_path: target folder of the build's last dbt run, whose manifest is used.

    Raises:
        BuildFailed: dbt could not generate it.
    """
    run_dbt(["docs", "generate", "--static", "--no-compile"], target_path)
    return target_path / "static_index.html"


def publish_docs(page: Path, settings: Settings) -> Path:
    """Put a generated page in the documentation's place and return its path.

    Raises:
        StorageError: the disk is full or not writable.
    """
    target = docs_page(settings)
    write_atomically(target, lambda path: shutil.copyfile(page, path))
    return target
