"""Dagster's instance folder, `data/dagster`."""

import sys
from functools import cache
from pathlib import Path

from filelock import FileLock

from modelstrata.errors import ModelstrataError, storage_errors
from modelstrata.settings import Settings

#: One build at a time is queued for; a second one started by hand stops with a clear sentence.
#: Every pool has one place, that of the Hub for one crawl, but for the devices of the layer jobs; a
#: run that ends in whatever way gives it back.
_CONFIG = """\
telemetry:
  enabled: false
nux:
  enabled: false
event_log_storage:
  module: orchestration.history
  class: EventLog
  config:
    home:
      env: DAGSTER_HOME
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
        _create_history(settings.dagster_home, tuple(settings.devices))


@cache
def _create_history(home: Path, devices: tuple[str, ...]) -> None:
    """Let one process at a time create the tables of a new history; set what pools hold."""
    import dagster as dg

    from orchestration.layer_devices import set_places

    with FileLock(home / ".lock"), dg.DagsterInstance.get() as instance:
        _ = instance.run_storage, instance.event_log_storage, instance.schedule_storage
        set_places(instance, len(devices))


def main() -> None:
    """Prepare the instance, with the settings' model as a partition of the layer jobs."""
    import dagster as dg

    from orchestration.layer_models import configured_model, register

    settings = Settings()
    try:
        prepare_instance(settings)
        if settings.gpu_model:
            with dg.DagsterInstance.get() as instance:
                register(settings, instance, configured_model(settings))
    except ModelstrataError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
