"""Running tasks side by side, each in a process of its own with one thread."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from io import BytesIO

import joblib
import pandas as pd
from joblib import Parallel, delayed
from sklearn import config_context

from ml.cells import (
    coverage_row,
    covered_groups,
    drawn_rows,
    impurity_rows,
    permutation_rows,
    score_rows,
)
from ml.plan import N_DRAWS, Task
from ml.regressors import one_thread
from ml.study import InverseCell
from ml.validation import Inputs, fits
from modelstrata.errors import NotEnoughData
from modelstrata.processes import end_with_parent

#: Rows that say how far impurity importances are certain; they end in `feature_importances`.
_DRAWN = "drawn"
#: Rows of single repeats that end in `interval_coverage`.
_COVERED = "covered"
#: The tables of the way back, by those of the way forth.
_INVERSE = {
    "regression_scores": "inverse_regression_scores",
    "feature_importances": "inverse_feature_importances",
}


@dataclass(frozen=True)
class Done:
    """What came of a task: rows by table, or the reason why there are none; and notes."""

    task: Task
    tables: dict[str, pd.DataFrame]
    reason: str = ""
    notes: tuple[str, ...] = ()


def run_tasks(
    frame: pd.DataFrame,
    tasks: list[Task],
    workers: int = 1,
    advance: Callable[[str], None] = lambda step: None,
) -> tuple[dict[str, pd.DataFrame], list[Done]]:
    """Run tasks and gather their rows; a cell that cannot be fitted keeps no other from it.

    The rows are the same, and in the same order, whatever the number of workers.

    Args:
        frame: rows of `structure_scores` that the tasks read.
        tasks: what to do.
        workers: processes side by side; with 1 the work is done in this one.
        advance: called with a name after each task.

    Returns:
        Frames by landing table, and what came of each task.
    """
    return gather(results([(frame, tasks)], workers), advance)


def results(inputs: Sequence[tuple[pd.DataFrame, list[Task]]], workers: int = 1) -> Iterator[Done]:
    """Run tasks, frame after frame, and yield what came of each in their order.

    Workers do not wait for whoever takes the results: they go on with the next frame.

    Args:
        inputs: rows of `structure_scores`, and the tasks that read them.
        workers: processes side by side; with 1 the work is done in this one, when it is asked for.
    """
    if workers == 1:
        for frame, tasks in inputs:
            shared = Inputs(frame)
            yield from (_run(shared, task) for task in tasks)
        return
    # As bytes, which a worker that has these rows already need not read again.
    stored = [(_stored(frame), tasks) for frame, tasks in inputs]
    pool = Parallel(workers, return_as="generator", batch_size=1, max_nbytes=None)
    yield from pool(delayed(_run_in_worker)(rows, task) for rows, tasks in stored for task in tasks)


def gather(
    every: Iterable[Done], advance: Callable[[str], None] = lambda step: None
) -> tuple[dict[str, pd.DataFrame], list[Done]]:
    """Gather the rows of results by landing table; return them, and the results.

    Args:
        every: what came of each task.
        advance: called with a name after each.
    """
    done = []
    for one in every:
        cell = one.task.cell
        advance(f"{cell.regressor} on {cell.subject}, {cell.split}")
        done.append(one)
    tables: dict[str, list[pd.DataFrame]] = {}
    for one in done:
        for name, rows in one.tables.items():
            if len(rows):
                tables.setdefault(name, []).append(rows)
    gathered = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    drawn = gathered.pop(_DRAWN, None)
    if drawn is not None:
        for name in ("feature_importances", "inverse_feature_importances"):
            if name in gathered:
                gathered[name] = _with_intervals(gathered[name], drawn)
    covered = gathered.pop(_COVERED, None)
    if covered is not None:
        gathered["interval_coverage"] = coverage_row(covered)
    return gathered, done


def gap_rows(done: list[Done], study: str) -> pd.DataFrame:
    """Return rows of `regression_gaps`: the cells that could not be fitted, and why."""
    rows = []
    for one in done:
        if one.reason:
            cell = asdict(one.task.cell)
            cell["benchmark"] = one.task.cell.subject
            rows.append({**cell, "study": study, "reason": one.reason})
    gaps = pd.DataFrame(rows).drop(columns="target", errors="ignore")
    # The draws of a cell fail for the reason for which its scores do.
    return gaps.drop_duplicates(gaps.columns.drop("reason"), ignore_index=True) if rows else gaps


@cache
def _tie() -> None:
    end_with_parent()


def _stored(frame: pd.DataFrame) -> bytes:
    buffer = BytesIO()
    joblib.dump(frame, buffer)
    return buffer.getvalue()


@lru_cache(maxsize=1)
def _inputs(rows: bytes) -> Inputs:
    return Inputs(joblib.load(BytesIO(rows)))


def _run_in_worker(rows: bytes, task: Task) -> Done:
    """Run a task in a process that ends with the study, should that be killed."""
    _tie()
    return _run(_inputs(rows), task)


def _run(inputs: Inputs, task: Task) -> Done:
    try:
        # What pipelines are given here needs no look at their settings, fit after fit.
        with one_thread(), config_context(skip_parameter_validation=True):
            tables, notes = _tables(inputs, task)
    except NotEnoughData as error:
        return Done(task, {}, str(error))
    return Done(task, tables, notes=notes)


def _tables(inputs: Inputs, task: Task) -> tuple[dict[str, pd.DataFrame], tuple[str, ...]]:
    prepared = inputs.prepare(task.cell, task.repeats)
    notes = tuple(prepared.notes)
    if "draws" in task.makes:
        importances, effects = drawn_rows(prepared, N_DRAWS)
        return {_DRAWN: importances, "feature_effects": effects}, notes
    if "coverage" in task.makes:
        return {_COVERED: covered_groups(prepared, task.repeat)}, notes
    fitted = list(fits(prepared))
    scores, stored = score_rows(prepared, fitted)
    tables = {"regression_scores": scores}
    parts = []
    if "impurity" in task.makes:
        parts.append(impurity_rows(prepared, fitted))
    if "permutation" in task.makes:
        parts.append(permutation_rows(prepared, fitted))
    if parts:
        tables["feature_importances"] = pd.concat(parts, ignore_index=True)
    if isinstance(task.cell, InverseCell):
        return {_INVERSE[name]: rows for name, rows in tables.items()}, notes
    return {**tables, "score_predictions": stored}, notes


def _with_intervals(importances: pd.DataFrame, drawn: pd.DataFrame) -> pd.DataFrame:
    """Give impurity importances of every split the interval of the draws, which know no split."""
    key = ["feature_set", "tier", "feature", "kind"]
    measured = ["importance_low", "importance_high", "rank_agreement", "n_draws"]
    found = importances[key].merge(drawn[[*key, *measured]], on=key, how="left")
    filled = importances.copy()
    for name in measured:
        filled[name] = filled[name].astype("float64").fillna(found[name].astype("float64"))
    return filled
