"""A layer job that is launched and terminated in Dagster's page."""

import time
from pathlib import Path

import psutil
import pytest

from modelstrata.settings import Settings
from tests.builds import written
from tests.orchestration.conftest import NAME
from tests.servers import DAGSTER, ask, served

LAUNCH = """
mutation($parameters: ExecutionParams!) {
  launchRun(executionParams: $parameters) { ... on LaunchRunSuccess { run { runId } } }
}
"""
TERMINATE = """
mutation($run: String!) { terminateRun(runId: $run) { ... on TerminateRunSuccess { run { id } } } }
"""
STATUS = "query($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"
REPOSITORY = (
    "{ repositoriesOrError { ... on RepositoryConnection { nodes { name location { name } } } } }"
)
SECONDS = 240


def launch(page: str) -> str:
    """Materialize the partition of the tiny model, as the page's button does; return the run."""
    (repository,) = ask(page, REPOSITORY)["repositoriesOrError"]["nodes"]
    parameters = {
        "selector": {
            "repositoryName": repository["name"],
            "repositoryLocationName": repository["location"]["name"],
            "jobName": "gpu",
            "assetSelection": [{"path": ["results", "pruning_effects"]}],
        },
        "runConfigData": {},
        "executionMetadata": {"tags": [{"key": "dagster/partition", "value": NAME}]},
    }
    return ask(page, LAUNCH, parameters=parameters)["launchRun"]["run"]["runId"]


def ended(page: str, run: str) -> str:
    """Wait until a run has ended and return its status."""
    for _ in range(SECONDS):
        status = ask(page, STATUS, run=run)["runOrError"]["status"]
        if status in ("SUCCESS", "FAILURE", "CANCELED"):
            return status
        time.sleep(1)
    pytest.fail(f"run {run} is still {status}")


def programs(data: Path) -> list[psutil.Process]:
    """List the layer programs that work in a data folder."""
    listed = psutil.process_iter(["cmdline"])
    lines = {one: " ".join(one.info["cmdline"] or ()) for one in listed}
    return [one for one, line in lines.items() if "gpu_jobs.pruning" in line and str(data) in line]


def test_a_terminated_run_ends_its_program_and_the_next_goes_on(
    told: dict[str, str], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    cells = Settings(data=data).layers / NAME.replace("/", "--") / "evaluation_samples"
    with served(["make", "dev"], DAGSTER, data, **told) as page:
        run = launch(page)
        last = time.monotonic() + SECONDS
        while not (done := written(cells)):
            assert time.monotonic() < last
            time.sleep(0.01)
        working = programs(data)
        assert working
        assert ask(page, TERMINATE, run=run)["terminateRun"]["run"]
        assert ended(page, run) == "CANCELED"
        assert not psutil.wait_procs(working, timeout=10)[1]
        assert not list((data / "landing" / "pruning_effects").glob("*"))
        assert ended(page, launch(page)) == "SUCCESS"
    assert done.items() <= written(cells).items()
    assert list((data / "landing" / "pruning_effects").glob("*.parquet"))
