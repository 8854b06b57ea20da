"""Events over connections that stay open: in Dagster's own files, seen while they come."""

import queue
import subprocess
import sys
from pathlib import Path

import pytest
from dagster import DagsterInstance
from dagster._core.storage.event_log import SqliteEventLogStorage

from modelstrata.settings import Settings
from orchestration.history import EventLog
from orchestration.instance import prepare_instance
from tests.builds import environment

#: Tells each line that it reads as an event of the run that the line names.
_WRITER = """
import sys
from dagster import DagsterInstance
with DagsterInstance.get() as instance:
    for line in sys.stdin:
        instance.report_engine_event(line.strip(), job_name="j", run_id=line.split()[0])
"""


def test_other_processes_see_events_while_the_file_is_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "dagster"
    monkeypatch.setenv("MODELSTRATA_DATA", str(tmp_path))
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    prepare_instance(Settings())
    with DagsterInstance.get() as instance:
        assert isinstance(instance.event_log_storage, EventLog)
        instance.report_engine_event("before", job_name="j", run_id="run-0")
    # Dagster's own class finds the same files, and watches them as its page does.
    theirs = SqliteEventLogStorage(str(home / "history" / "runs"))
    seen: queue.Queue[str] = queue.Queue()
    writer = subprocess.Popen(
        [sys.executable, "-c", _WRITER],
        env=environment(tmp_path, DAGSTER_HOME=str(home)),
        stdin=subprocess.PIPE,
        text=True,
    )
    assert writer.stdin is not None
    # The same run again and again, and more runs than files are kept open.
    runs = ["run-0", "run-0", "run-0", *(f"run-{number}" for number in range(6))]
    try:
        for number, run in enumerate(runs):
            if number in (0, 4, 5, 6, 7, 8):
                theirs.watch(run, None, lambda entry, cursor: seen.put(entry.message))
            writer.stdin.write(f"{run} {number}\n")
            writer.stdin.flush()
            if number == 0:
                assert seen.get(timeout=60) == "before"
            assert seen.get(timeout=60) == f"{run} {number}"
    finally:
        writer.communicate()
        theirs.dispose()
    logs = theirs.get_logs_for_run("run-0")
    assert [entry.message for entry in logs] == ["before", *(f"run-0 {n}" for n in range(4))]
