"""Run a job from the command line: `python -m orchestration.run build` (or `gpu`).

The run is recorded in `data/dagster`, so that the Dagster page shows it.
"""

import argparse
import contextlib
import errno
import logging
import os
import shutil
import sys
import time
import warnings
from typing import TYPE_CHECKING

from modelstrata.errors import ModelstrataError, storage_errors
from modelstrata.processes import end_with_parent
from modelstrata.settings import Settings

if TYPE_CHECKING:
    import dagster as dg


#: Less free space than this explains any failure; DuckDB alone writes blocks of 256 KiB.
_SPACE_NEEDED = 4 * 2**20


def main() -> int:
    """Run the job; print a summary after a build."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.run", description=__doc__)
    parser.add_argument("job", choices=["build", "gpu"])
    parser.add_argument(
        "--end-with-parent", action="store_true", help="stop when the starting process ends"
    )
    arguments = parser.parse_args()
    job = arguments.job
    if arguments.end_with_parent:
        end_with_parent()
    settings = Settings()
    try:
        with storage_errors(settings.data):
            start = time.monotonic()
            failure = run_job(job, settings)
            seconds = time.monotonic() - start
    except ModelstrataError as error:
        failure = str(error)
    if failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    if job == "build":
        from orchestration.summary import print_summary

        print_summary(settings, seconds)
    return 0


def run_job(name: str, settings: Settings) -> str | None:
    """Run a job in this process and return what made it fail, or None."""
    from orchestration.instance import prepare_instance

    prepare_instance(settings)
    settings.export()
    warnings.filterwarnings("ignore", module=r"dagster.*")
    # Warnings about checks of steps that had nothing to do; failures are reported below.
    logging.getLogger("dagster").setLevel(logging.ERROR)
    import dagster as dg

    from orchestration.definitions import defs
    from orchestration.warehouse import close_builds

    try:
        # What dbt and the layer jobs print is for the log; this command shows progress only.
        log = settings.dagster_home / f"{name}.log"
        with (
            dg.DagsterInstance.get() as instance,
            log.open("w", encoding="utf-8") as file,
            contextlib.redirect_stdout(file),
            contextlib.redirect_stderr(file),
        ):
            result = defs.resolve_job_def(name).execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )
        failure = None if result.success else _failure(result)
    except Exception as error:
        if not _is_full(settings):
            raise
        failure = str(error)
    # Asked before the build file goes, whose space is then free again.
    is_full = failure is not None and _is_full(settings)
    close_builds()
    if is_full:
        # Whatever broke first (Dagster's history, dbt, DuckDB), this is why.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(settings.data))
    return failure


def _is_full(settings: Settings) -> bool:
    return shutil.disk_usage(settings.data).free < _SPACE_NEEDED


def _failure(result: "dg.ExecuteInProcessResult") -> str:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.step_failure_data
            if data.user_failure_data is not None:
                return data.user_failure_data.description or ""
            error = data.error and (data.error.cause or data.error)
            return f"{event.step_key} failed: {error.message.strip() if error else 'no message'}"
    return "The run failed before its first step; `make dev` shows its log."


if __name__ == "__main__":
    sys.exit(main())
