"""Paths of removals held against each other, item by item.

A path is called after how it was found, such as `iterative by cosine` or, where the measure was
approximate, `iterative by accuracy, lazy`; one that was found on another task than it is scored on
names that too. Random paths of several seeds count as one, each item with its mean score over them.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from gpu_jobs.intervals import mean_interval

#: What the scores of two paths on a task have in common.
_SCORED = ["model", "weights_sha256", "dtype", "unit", "task", "split", "protocol", "data_sha256"]
_MEASURED = [*_SCORED, "step"]
#: What tells the measurements of one table apart.
_TABLE = ["model", "weights_sha256", "dtype", "unit", "protocol", "step"]
#: Stands for the mean over tasks.
ALL_TASKS = "all"
#: Name of the random paths.
RANDOM = "random"


def comparisons(paths: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Return by how much what one path leaves of a score is above what another one leaves.

    Both removed as many layers (`step`). Intervals are 95 %, paired, from a bootstrap over items.
    Rows of the task `all` are means over the tasks that both paths were scored on and where the
    whole model is above chance, its interval too; each task's items are drawn apart. Of a task that
    was scored on several sets of items the largest counts, of equal ones the newest.

    Args:
        paths: rows of `pruning_paths`.
        items: rows of `item_scores`; paths without are left out.
    """
    rows: list[dict[str, Any]] = []
    for names, tasks in _scored(paths, items).groupby(_TABLE):
        key = dict(zip(_TABLE, names, strict=True))
        scores = {
            str(task): (one.pivot(index="item", columns="name", values="score"), one)
            for task, one in tasks.groupby("task")
        }
        for task, (table, of) in scores.items():
            rows += [{**key, **row} for row in _pairs({task: table}, task, [of])]
        able = {task: table for task, (table, of) in scores.items() if _is_above_chance(of)}
        if len(able) > 1:
            ofs = [of for task, (_, of) in scores.items() if task in able]
            rows += [{**key, **row} for row in _pairs(able, ALL_TASKS, ofs)]
    return pd.DataFrame(rows)


def _scored(paths: pd.DataFrame, items: pd.DataFrame) -> pd.DataFrame:
    """Return a row a path and item of each task, random paths as one."""
    if paths.empty or items.empty:
        return pd.DataFrame(columns=[*_MEASURED, "name", "item", "score"])
    newest = paths[~paths["healed"].astype(bool)].sort_values(["computed_at", "result_key"])
    sets = newest.sort_values("n_items", kind="stable").drop_duplicates(
        [*_TABLE, "task", "split"], keep="last"
    )
    newest = newest.merge(sets[[*_TABLE, "task", "split", "data_sha256"]])
    own = newest["calibration"].isna() | (newest["calibration"] == newest["task"])
    name = newest["path"] + " by " + newest["criterion"]
    name = name.where(newest["path"] != RANDOM, RANDOM)
    name = name.where(newest["method"] == "exact", name + ", " + newest["method"])
    name = name.where(own, name + " on " + newest["calibration"].fillna(""))
    ended = newest.assign(name=name).drop_duplicates([*_MEASURED, "name", "path_seed"], keep="last")
    keys = [*_SCORED, "n_items", "removed_layers"]
    outcomes = items.sort_values("computed_at").drop_duplicates([*keys, "item"], keep="last")
    joined = ended.merge(outcomes[[*keys, "item", "score"]], on=keys)
    columns = [*_MEASURED, "name", "item"]
    meant = {"score": "mean", "chance": "first", "before": "first", "before_low": "first"}
    return joined.groupby(columns, as_index=False).agg(meant)


def _is_above_chance(of: pd.DataFrame) -> bool:
    low = of["before_low"].fillna(of["before"])
    return bool((low > of["chance"]).all())


def _pairs(
    tables: dict[str, pd.DataFrame], task: str, of: list[pd.DataFrame]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each two paths that all of some tasks were scored on."""
    names = sorted(set.intersection(*(set(table.columns) for table in tables.values())))
    for one, other in combinations(names, 2):
        both = {name: table[[one, other]].dropna() for name, table in tables.items()}
        if any(table.empty for table in both.values()):
            continue
        differences = np.concatenate([(t[one] - t[other]).to_numpy() for t in both.values()])
        subjects = [name for name, table in both.items() for _ in range(len(table))]
        change = mean_interval(differences.tolist(), subjects, (-100.0, 100.0))
        yield {
            "task": task,
            "path": one,
            "other_path": other,
            "score": float(np.mean([table[one].mean() for table in both.values()])),
            "other_score": float(np.mean([table[other].mean() for table in both.values()])),
            "difference": change.mean,
            "difference_low": change.low,
            "difference_high": change.high,
            "before": float(np.mean([found["before"].iloc[0] for found in of])),
            "chance": float(np.mean([found["chance"].iloc[0] for found in of])),
            "n_tasks": len(both),
            "n_items": len(subjects),
        }
