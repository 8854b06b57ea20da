"""What is fitted on what: benchmarks, feature sets, splits, and the key a result is filed under."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import sklearn
from sklearn.model_selection import GroupKFold, KFold

from ml.regressors import SEED
from modelstrata.errors import NotEnoughData

OPEN_LLM_V1 = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
FEATURE_SETS = {"key": ("size", "date", "layers", "d_model", "d_ffn", "heads")}
SPLITS = ("random", "grouped_structure")
N_FOLDS = 5
N_BOOTSTRAP = 1000


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
        Cell("random_forest", benchmark, feature_set, split, "exact")
        for benchmark in OPEN_LLM_V1
        for feature_set in FEATURE_SETS
        for split in SPLITS
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


def features(frame: pd.DataFrame, feature_set: str) -> pd.DataFrame:
    """Return the feature columns as floats, one row a model; dates become days since 1970.

    Unknown values stay NaN.
    """
    columns = {}
    for name in FEATURE_SETS[feature_set]:
        values = frame[name]
        if name == "date":
            days = pd.to_datetime(values).astype("datetime64[s]").astype("int64") / 86_400
            values = days.where(values.notna(), np.nan)
        columns[name] = pd.to_numeric(values).astype("float64")
    return pd.DataFrame(columns, index=frame.index)


def folds(groups: pd.Series, split: str, seed: int) -> np.ndarray:
    """Assign each row to one of five folds; integers of shape (rows,).

    `random` shuffles rows. `grouped_structure` keeps all rows of a group in one fold, so that
    near copies of one base model never stand on both sides.

    Raises:
        NotEnoughData: fewer rows, or fewer groups, than folds.
    """
    n_groups = groups.nunique()
    needed = n_groups if split == "grouped_structure" else len(groups)
    if needed < N_FOLDS:
        unit = "structure groups" if split == "grouped_structure" else "models"
        raise NotEnoughData(
            f"The {split} split needs at least {N_FOLDS} {unit}, there are {needed}: "
            "land more evaluations or configs."
        )
    if split == "random":
        parts = KFold(N_FOLDS, shuffle=True, random_state=seed).split(groups)
    else:
        parts = GroupKFold(N_FOLDS, shuffle=True, random_state=seed).split(groups, groups=groups)
    assigned = np.full(len(groups), -1)
    for fold, (_, held_out) in enumerate(parts):
        assigned[held_out] = fold
    return assigned
