"""Runs whose process is gone, and the places in concurrency pools that they still hold.

Dagster's daemon sees to the runs that it has started. A run of `python -m orchestration.run` that
was killed, or of a `dagster dev` that was killed with it, would be under way for ever, keep its
place in the pool, and let the next crawl wait without end.
"""

import os
import platform

import dagster as dg
import psutil

#: Tag of runs: the process that does the run.
PROCESS = "modelstrata/process"
#: Tag of runs of the command line, where somebody waits.
COMMAND = "modelstrata/command"
#: A process's start as the kernel tells it moves by so many seconds when the clock is set.
_CLOCK_S = 5.0


def process_tag() -> dict[str, str]:
    """Return a tag that tells this process from every other."""
    started = psutil.Process().create_time()
    return {PROCESS: f"{platform.node()} {os.getpid()} {started:.0f}"}


def has_ended(run: dg.DagsterRun) -> bool:
    """Tell whether a run's process, of this machine, is gone."""
    node, _, rest = run.tags.get(PROCESS, "").rpartition(" ")[0].rpartition(" ")
    if not rest or node != platform.node():
        return False
    started = float(run.tags[PROCESS].rpartition(" ")[2])
    try:
        return abs(psutil.Process(int(rest)).create_time() - started) > _CLOCK_S
    except psutil.NoSuchProcess:
        return True


def end_dead_runs(instance: dg.DagsterInstance) -> None:
    """Mark runs whose process is gone as failed, and free what ended runs hold in pools."""
    under_way = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING])
    for run in instance.get_runs(under_way):
        if has_ended(run):
            instance.report_run_failed(run, "The process of this run has ended: it was killed.")
    storage = instance.event_log_storage
    for run_id in storage.get_concurrency_run_ids():
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            storage.free_concurrency_slots_for_run(run_id)
