"""The study's grid against a plain scikit-learn loop: `python -m benchmarks.regressions`.

Both do the same fits on the published warehouse: every regressor of the part `regressors` on one
benchmark, four splits, five folds, with the repeats of the plan. The plain loop fits and predicts
one after the other, as a notebook would, and computes R² with scikit-learn. The study adds what a
result needs to be believed and kept: worker processes, bootstrap intervals over groups of four
measures, and every out-of-fold prediction; so the ratio says what all of that costs or wins.

The plain loop takes scikit-learn's own forests, so that R² of those differs by what ties decide;
all others must come to the same. Prints wall and CPU seconds, the ratio, and both differences.
"""

import argparse
import resource
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from benchmarks.forest import PLAIN
from ml.plan import PARTS, Task
from ml.regressors import REGRESSORS
from ml.validation import prepare
from ml.workers import run_tasks
from modelstrata.settings import Settings
from orchestration.study import read_rows


def cpu_seconds() -> float:
    """Return user and system seconds of this process and of its ended children."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def plain_loop(frame: pd.DataFrame, tasks: list[Task]) -> list[float]:
    """Fit fold after fold and return each task's R², mean over repeats."""
    found = []
    for task in tasks:
        laid_out = prepare(frame, task.cell, task.repeats)
        measured, predicted = [], []
        for repeat in range(task.repeats):
            for fold in (one for one in laid_out.folds if one.repeat == repeat):
                model = {**REGRESSORS, **PLAIN}[task.cell.regressor](fold.seed)
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    model.fit(laid_out.x.iloc[fold.train], laid_out.y[fold.train])
                measured.append(laid_out.y[fold.held_out])
                predicted.append(model.predict(laid_out.x.iloc[fold.held_out]))
        each = np.array_split(np.arange(len(measured)), task.repeats)
        r2 = [
            r2_score(
                np.concatenate([measured[at] for at in ats]),
                np.concatenate([predicted[at] for at in ats]),
            )
            for ats in each
        ]
        found.append(float(np.mean(r2)))
    return found


def main() -> None:
    """Time both ways, one after the other, and compare what they found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmark", default="mmlu", help="benchmark to fit")
    parser.add_argument("--part", default="regressors", help="part of the study")
    parser.add_argument("--workers", type=int, default=2, help="processes side by side")
    arguments = parser.parse_args()
    part = PARTS[arguments.part]
    frame = read_rows(Settings().warehouse, part, arguments.benchmark)
    tasks = [t for t in part.tasks(arguments.benchmark) if "scores" in t.makes]
    start = time.perf_counter()
    tables, done = run_tasks(frame, tasks, arguments.workers)
    ours = time.perf_counter() - start
    fitted = [one.task for one in done if not one.reason]
    start, cpu = time.perf_counter(), cpu_seconds()
    plain = plain_loop(frame, fitted)
    loop, loop_cpu = time.perf_counter() - start, cpu_seconds() - cpu
    r2 = tables["regression_scores"]["r2"].to_numpy()
    n_fits = sum(5 * task.repeats for task in fitted)
    print(f"{arguments.part} on {arguments.benchmark}: {len(fitted)} cells, {n_fits} fits")
    print(f"study, {arguments.workers} workers: {ours:.1f} s")
    print(f"plain loop: {loop:.1f} s, {loop_cpu:.1f} CPU s")
    print(f"study / plain loop: {ours / loop:.2f}")
    apart = np.abs(r2 - plain)
    is_forest = np.array([task.cell.regressor in PLAIN for task in fitted])
    print(f"largest difference of R²: {apart[~is_forest].max():.1e}; forests: {apart.max():.1e}")


if __name__ == "__main__":
    main()
