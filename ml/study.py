"""What the main job fits on what, and the key a result is filed under."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import sklearn

from ml.features import FEATURE_SETS
from ml.measures import N_BOOTSTRAP
from ml.regressors import SEED
from ml.splits import N_FOLDS

OPEN_LLM_V1 = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")


@dataclass(frozen=True)
class Cell:
    """One regressor on one benchmark, feature set, split and tier."""

    regressor: str
    benchmark: str
    feature_set: str
    split: str
    tier: str
    seed: int = SEED


def cells() -> list[Cell]:
    """List the study's cells: a random forest on six benchmarks, each split two ways."""
    return [
        Cell("random_forest", benchmark, "key", split, "exact")
        for benchmark in OPEN_LLM_V1
        for split in ("random", "grouped_structure")
    ]


def code_version() -> str:
    """Hash the code and the library versions that results depend on."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    digest.update(f"scikit-learn {sklearn.__version__}, numpy {np.__version__}".encode())
    return digest.hexdigest()[:16]


def result_key(input_hash: str, version: str, study: list[Cell]) -> str:
    """Return the key of a study's results: input, code and configuration."""
    configuration = {
        "input_hash": input_hash,
        "code_version": version,
        "cells": [asdict(cell) for cell in study],
        "feature_sets": FEATURE_SETS,
        "n_folds": N_FOLDS,
        "n_bootstrap": N_BOOTSTRAP,
    }
    return hashlib.sha256(json.dumps(configuration, sort_keys=True).encode()).hexdigest()[:32]
