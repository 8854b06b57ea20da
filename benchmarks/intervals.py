"""Prediction intervals of whole groups against plain ones: `python -m benchmarks.intervals`.

The plain ones are what a few lines of scikit-learn give: a random forest, and the 90 % quantile of
its absolute errors in five folds of structure groups, each model of the same weight. Both are
fitted on the same models of the published warehouse and measured on the same structure groups held
out, one after the other in one process with one thread. Prints for each benchmark the share of
scores held, each group of the same weight, the mean width in points, the mean absolute error of the
predictions over groups, and CPU seconds.
"""

import argparse
import time

import numpy as np
import pandas as pd
from sklearn.ensemble import RandomForestRegressor
from sklearn.model_selection import GroupKFold, cross_val_predict

from ml.conformal import LEVEL, Intervals, conformal_intervals, coverage
from ml.names import BENCHMARKS
from ml.plan import PARTS
from ml.regressors import SEED, one_thread
from ml.splits import N_FOLDS
from ml.study import Cell
from ml.validation import Prepared, prepare
from modelstrata.settings import Settings
from orchestration.study import read_rows


def plain(
    x: pd.DataFrame, y: np.ndarray, groups: pd.Series, seed: int, new: pd.DataFrame
) -> pd.DataFrame:
    """Return intervals from the errors of five folds."""
    forest = RandomForestRegressor(100, random_state=seed)
    split = GroupKFold(N_FOLDS, shuffle=True, random_state=seed)
    errors = np.abs(y - cross_val_predict(forest, x, y, groups=groups, cv=split))
    half = np.quantile(errors, LEVEL)
    predicted = forest.fit(x, y).predict(new)
    ends = {"predicted": predicted, "low": predicted - half, "high": predicted + half}
    return pd.DataFrame(ends, index=new.index).clip(0, 100)


def measured(prepared: Prepared, intervals: Intervals, repeats: int) -> list[float]:
    """Return share held, width, error and seconds, means over repeats."""
    x, y, groups = prepared.x, prepared.y, prepared.bootstrap_groups
    found = []
    start = time.process_time()
    for seed in range(SEED, SEED + repeats):
        told, rows = coverage(x, y, groups, seed, intervals)
        error = (rows["predicted"] - y).abs().groupby(groups).mean().mean()
        found.append([told["coverage_groups"], told["width"], error])
    return [*np.mean(found, axis=0), time.process_time() - start]


def main() -> None:
    """Measure both on each benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmarks", nargs="+", default=BENCHMARKS, choices=BENCHMARKS)
    parser.add_argument("--repeats", type=int, default=3, help="how often to split anew")
    arguments = parser.parse_args()
    print(f"{'':22} groups |  held %       |  width        |  error        |  seconds")
    print(
        f"{'benchmark':22}        |  ours   plain |  ours   plain |  ours   plain |  ours   plain"
    )
    every = []
    for name in arguments.benchmarks:
        frame = read_rows(Settings().warehouse, PARTS["coverage"], name)
        prepared = prepare(frame, Cell("random_forest", name, "key", "grouped_structure", "exact"))
        with one_thread():
            pair = [
                measured(prepared, one, arguments.repeats) for one in (conformal_intervals, plain)
            ]
        every.append(pair)
        held, width, error, seconds = np.transpose(pair)
        print(
            f"{name:22} {len(np.unique(prepared.bootstrap_groups)):6} | {100 * held[0]:5.1f} "
            f"{100 * held[1]:7.1f} | {width[0]:5.1f} {width[1]:7.1f} | {error[0]:5.1f} "
            f"{error[1]:7.1f} | {seconds[0]:5.1f} {seconds[1]:7.1f}",
            flush=True,
        )
    off = np.abs(np.array(every)[:, :, 0] - LEVEL)
    spent = np.array(every)[:, :, 3].sum(axis=0)
    within = (off <= 0.03).sum(axis=0)
    print(
        f"within three points of {LEVEL:.0%}: ours {within[0]} of {len(every)}, plain {within[1]}; "
        f"seconds, plain / ours: {spent[1] / spent[0]:.1f}"
    )


if __name__ == "__main__":
    main()
