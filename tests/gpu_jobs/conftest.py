"""Data sets that tests load are kept away from the user's own."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache_of_data_sets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Point datasets, here and in programs that tests start, to a folder of this session."""
    cache = tmp_path_factory.mktemp("datasets")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_DATASETS_CACHE", str(cache))
        if "datasets" in sys.modules:
            patch.setattr(
                "datasets.config.HF_DATASETS_CACHE", Path(os.environ["HF_DATASETS_CACHE"])
            )
        yield
