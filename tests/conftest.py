"""What all tests share: fixed hypothesis examples and a data folder that is never the real one."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "modelstrata",
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("modelstrata")


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
