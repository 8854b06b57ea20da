"""What a study is made of: cells, and the key of their results."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ml.features import FEATURE_SETS
from ml.regressors import SEED
from modelstrata.errors import NotEnoughData

#: What decides results; `ml.predict` and what else only reads them is not among it.
_MODULES = (
    "cells",
    "conformal",
    "effects",
    "estimators",
    "features",
    "forest",
    "importances",
    "measures",
    "names",
    "plan",
    "regressors",
    "rows",
    "splits",
    "study",
    "validation",
    "workers",
)
#: On macOS it is plain xgboost, elsewhere the build without the GPU package.
_XGBOOST = ("xgboost-cpu", "xgboost")
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")


@dataclass(frozen=True)
class Cell:
    """One regressor on one benchmark, feature set, split and tier; `seed` is the first repeat's."""

    regressor: str
    benchmark: str
    feature_set: str
    split: str
    tier: str
    seed: int = SEED

    @property
    def subject(self) -> str:
        """What is predicted."""
        return self.benchmark


@dataclass(frozen=True)
class InverseCell:
    """One regressor that predicts a structural column from the first leaderboard's scores."""

    regressor: str
    target: str
    feature_set: str
    split: str
    tier: str
    seed: int = SEED

    @property
    def subject(self) -> str:
        """What is predicted."""
        return self.target


@cache
def code_version() -> str:
    """Hash the code and the library versions that results depend on."""
    digest = hashlib.sha256()
    for name in _MODULES:
        digest.update(name.encode())
        digest.update(Path(__file__).with_name(f"{name}.py").read_bytes())
    libraries = [f"{name} {version(name)}" for name in _LIBRARIES]
    digest.update(", ".join([*libraries, f"xgboost {_xgboost_version()}"]).encode())
    return digest.hexdigest()[:16]


def result_key(input_hashes: dict[str, str], code: str, configuration: Any) -> str:
    """Return the key of a batch of results: input by tier, code and configuration.

    Args:
        input_hashes: hash of the rows that each tier holds.
        code: what `code_version` gives.
        configuration: what was asked for, as JSON can hold it.
    """
    said = {
        "input_hashes": input_hashes,
        "code_version": code,
        "configuration": configuration,
        "feature_sets": FEATURE_SETS,
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:32]


def _xgboost_version() -> str:
    for name in _XGBOOST:
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    raise NotEnoughData("xgboost is not installed: run `make build`, which sets everything up.")
