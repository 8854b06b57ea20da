"""Dagster's instance folder, `data/dagster`."""

from functools import cache
from pathlib import Path

from filelock import FileLock

from modelstrata.errors import storage_errors
from modelstrata.settings import Settings

#: One build at a time is queued for; a second one started by hand stops with a clear sentence.
#: Every pool has one place, that of the Hub for one crawl; a run that ends in whatever way gives
#: it back.
_CONFIG = """\
telemetry:
  enabled: false
nux:
  enabled: false
concurrency:
  runs:
    tag_concurrency_limits:
      - key: modelstrata/writes
        limit: 1
  pools:
    default_limit: 1
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 30
"""


def prepare_instance(settings: Settings) -> None:
    """Create the instance folder with its configuration.

    Raises:
        StorageError: the data folder cannot be written.
    """
    with storage_errors(settings.data):
        settings.dagster_home.mkdir(parents=True, exist_ok=True)
        config = settings.dagster_home / "dagster.yaml"
        if not config.exists() or config.read_text(encoding="utf-8") != _CONFIG:
            config.write_text(_CONFIG, encoding="utf-8")
        settings.export()
        _create_history(settings.dagster_home)


@cache
def _create_history(home: Path) -> None:
    """Let one process at a time create the tables of a new history."""
    import dagster as dg

    with FileLock(home / ".lock"), dg.DagsterInstance.get() as instance:
        _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage


if __name__ == "__main__":
    prepare_instance(Settings())
