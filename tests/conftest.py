"""What all tests share: fixed hypothesis examples and a data folder that is never the real one."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.builds import made_once, run_job

if "PYTEST_XDIST_WORKER" in os.environ:
    # Workers share the cores, and OpenMP's threads of one wait for those of another: five times as
    # long. Set before torch is imported; children inherit it.
    os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile(
    "modelstrata",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("modelstrata")


#: Files that take minutes, longest first, so that the workers end together. The second needs no
#: finished build, for which its worker would have to wait.
LONGEST = (
    "test_readme.py",
    "test_increments.py",
    "test_faults.py",
    "test_build.py",
    "test_large_drop.py",
    "test_accounting.py",
    "test_refresh.py",
    "test_layer_runs.py",
    "test_layer_job.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest."""
    ranks = {name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(LONGEST)))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--kills", type=int, default=2, help="builds to kill at random moments")


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """Return how many builds to kill before one may finish."""
    return request.config.getoption("--kills")


@pytest.fixture(scope="session", autouse=True)
def no_settings_from_outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget a user's MODELSTRATA_ variables; the default data folder is a temporary one."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("MODELSTRATA_")]:
            patch.delenv(name)
        patch.setenv("MODELSTRATA_DATA", str(tmp_path_factory.mktemp("data")))
        yield


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with a finished build; its output is in `build.out`, `build.seconds`."""

    def make(data: Path) -> None:
        start = time.monotonic()
        run = run_job(data)
        assert run.returncode == 0, run.stderr
        (data / "build.seconds").write_text(str(time.monotonic() - start))
        (data / "build.out").write_text(run.stdout + run.stderr)

    return made_once(tmp_path_factory, "built", make)


@pytest.fixture
def copy_of_built(built: Path, tmp_path: Path) -> Path:
    """Return a copy of the built data folder that a test may spoil."""
    data = tmp_path / "data"
    shutil.copytree(built, data)
    return data


@pytest.fixture
def stays_as_it_was() -> Callable[[Path], Callable[[], None]]:
    """Return a function that remembers a file and gives a check that it has not changed."""

    def remember(path: Path) -> Callable[[], None]:
        before = (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size)

        def check() -> None:
            assert (path.stat().st_ino, path.stat().st_mtime_ns, path.stat().st_size) == before

        return check

    return remember
