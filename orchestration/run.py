"""Run a job from the command line: `python -m orchestration.run build` (`gpu`, `refresh`, `study`).

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
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from modelstrata.errors import ModelstrataError, storage_errors
from modelstrata.processes import end_with_parent
from modelstrata.settings import Settings
from orchestration.layer_jobs import ANALYSES

if TYPE_CHECKING:
    import dagster as dg


#: Less free space than this explains any failure; DuckDB alone writes blocks of 256 KiB.
_SPACE_NEEDED = 4 * 2**20


def main() -> int:
    """Run the job; print a summary after a build."""
    parser = argparse.ArgumentParser(prog="python -m orchestration.run", description=__doc__)
    parser.add_argument("job", choices=["build", "gpu", "refresh", "study"])
    parser.add_argument(
        "--analysis",
        choices=ANALYSES,
        default="block_influence",
        help="what `gpu` measures (default: block_influence)",
    )
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
            if job == "refresh":
                from orchestration.refresh import refresh

                failure = refresh(settings)
            elif job == "study":
                from orchestration.study_run import study

                failure = study(settings)
            elif job == "gpu":
                from orchestration.layer_run import measure

                failure = measure(settings, arguments.analysis)
            else:
                failure = "\n".join(run_job(job, settings).failures)
            seconds = time.monotonic() - start
    except ModelstrataError as error:
        failure = str(error)
    except KeyboardInterrupt:
        print("Stopped; run the same command again to go on.", file=sys.stderr)
        return 130
    if failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    if job == "build":
        from orchestration.summary import print_summary

        print_summary(settings, seconds)
    return 0


@dataclass(frozen=True)
class Outcome:
    """What came of a run.

    Attributes:
        failures: what made it fail, in words; empty if it succeeded.
        numbers: sums of the numbers that the run's assets tell.
        done: names of the steps that succeeded.
    """

    failures: list[str]
    numbers: Counter[str] = field(default_factory=Counter)
    done: frozenset[str] = frozenset()


def run_job(
    name: str,
    settings: Settings,
    partition: str | None = None,
    assets: "list[dg.AssetKey] | None" = None,
) -> Outcome:
    """Run a job in this process, or some assets of it; of a partition if it is partitioned.

    Raises:
        KeyboardInterrupt: it was stopped.
    """
    from orchestration.instance import prepare_instance

    prepare_instance(settings)
    settings.export()
    warnings.filterwarnings("ignore", module=r"dagster.*")
    # Warnings about checks of steps that had nothing to do; failures are reported below.
    logging.getLogger("dagster").setLevel(logging.ERROR)
    import dagster as dg

    from orchestration.definitions import defs
    from orchestration.runs import COMMAND, end_dead_runs, process_tag
    from orchestration.warehouse import close_builds

    try:
        # What dbt and the layer jobs print is for the log; this command shows progress only.
        named = f"{name}-{partition}".replace("/", "--") if partition else name
        log = settings.dagster_home / f"{named}.log"
        with (
            dg.DagsterInstance.get() as instance,
            log.open("w", encoding="utf-8") as file,
            contextlib.redirect_stdout(file),
            contextlib.redirect_stderr(file),
        ):
            end_dead_runs(instance)
            result = defs.resolve_job_def(name).execute_in_process(
                instance=instance,
                partition_key=partition,
                asset_selection=assets,
                raise_on_error=False,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                tags={COMMAND: name, **process_tag()},
            )
            run = instance.get_run_by_id(result.run_id)
            end_dead_runs(instance)
        is_canceled = run is not None and run.status is dg.DagsterRunStatus.CANCELED
        if is_canceled or _is_stopped(result):
            raise KeyboardInterrupt
        outcome = _outcome(result)
    except Exception as error:
        if not _is_full(settings):
            raise
        outcome = Outcome([str(error)])
    # Asked before the build file goes, whose space is then free again.
    is_full = bool(outcome.failures) and _is_full(settings)
    close_builds()
    if is_full:
        # Whatever broke first (Dagster's history, dbt, DuckDB), this is why.
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(settings.data))
    return outcome


def _is_full(settings: Settings) -> bool:
    return shutil.disk_usage(settings.data).free < _SPACE_NEEDED


def _is_stopped(result: "dg.ExecuteInProcessResult") -> bool:
    """Tell whether a signal ended a step; Dagster calls such a run failed."""
    found = [e.step_failure_data.error for e in result.all_events if e.is_step_failure]
    while found:
        error = found.pop()
        if error is not None:
            if error.cls_name == "DagsterExecutionInterruptedError":
                return True
            # DuckDB raises an error of its own, with the signal as its cause.
            found += [error.cause, error.context]
    return False


def _outcome(result: "dg.ExecuteInProcessResult") -> Outcome:
    numbers: Counter[str] = Counter()
    for event in result.get_asset_materialization_events():
        for name, value in event.materialization.metadata.items():
            if isinstance(value.value, int):
                numbers[name] += value.value
    done = frozenset(e.step_key or "" for e in result.all_events if e.is_step_success)
    if result.success:
        return Outcome([], numbers, done)
    failures = [_words(event) for event in result.all_events if event.is_step_failure]
    unknown = "The run failed before its first step; `make dev` shows its log."
    return Outcome(failures or [unknown], numbers, done)


def _words(event: "dg.DagsterEvent") -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None:
        return data.user_failure_data.description or ""
    error = data.error and (data.error.cause or data.error)
    return f"{event.step_key} failed: {error.message.strip() if error else 'no message'}"


if __name__ == "__main__":
    sys.exit(main())
