"""Paths of removals held against each other, by hand."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gpu_jobs.intervals import mean_interval
from gpu_jobs.path_comparisons import comparisons

N_ITEMS = 30
RIGHT = {"": 0.9, "3": 0.8, "4": 0.5, "5": 0.4, "6": 0.3}
#: Layer removed by each path: how it is found, on which task, and by which seed.
PATHS = (
    ("3", "iterative", "accuracy", None),
    ("4", "iterative", "cosine", None),
    ("5", "random", "random", 0),
    ("6", "random", "random", 1),
)


def _shared(task: str, removed: str) -> dict[str, Any]:
    now = datetime(2026, 11, 29, tzinfo=UTC)
    of = {"model": "m", "weights_sha256": "w", "dtype": "float32", "unit": "block", "task": task}
    on = {"split": "test", "protocol": "zero_shot", "data_sha256": task, "n_items": N_ITEMS}
    return {**of, **on, "removed_layers": removed, "computed_at": now}


@pytest.fixture
def scores() -> dict[tuple[str, str], np.ndarray]:
    """Return what each item of two tasks scores without some layers; `b` is at chance."""
    random = np.random.default_rng(4)
    return {
        (task, removed): 100.0 * (random.random(N_ITEMS) < (share if task != "b" else 0.5))
        for task in "abc"
        for removed, share in RIGHT.items()
    }


def _frames(scores: dict[tuple[str, str], np.ndarray]) -> tuple[pd.DataFrame, pd.DataFrame]:
    items = [
        {**_shared(task, removed), "item": f"{task}:{n}", "score": score}
        for (task, removed), found in scores.items()
        for n, score in enumerate(found)
    ]
    paths = [
        {
            **_shared(task, removed),
            **{"step": 1, "path": path, "criterion": criterion, "path_seed": seed},
            **{"calibration": task if seed is None else None, "healed": False, "chance": 50.0},
            **{"before": scores[task, ""].mean(), "before_low": 70.0 if task != "b" else 40.0},
            "result_key": f"{task}{removed}",
            "method": "exact",
        }
        for task in "abc"
        for removed, path, criterion, seed in PATHS
    ]
    elsewhere = {**paths[0], "calibration": "b", "result_key": "elsewhere"}
    # Found in another way, the same layer is another path.
    lazy = {**paths[0], "removed_layers": "6", "method": "lazy", "result_key": "lazy"}
    unscored = {**paths[0], "removed_layers": "9", "path": "block", "result_key": "unscored"}
    return pd.DataFrame([*paths, elsewhere, lazy, unscored]), pd.DataFrame(items)


def test_differences_are_paired_and_tasks_at_chance_left_out(
    scores: dict[tuple[str, str], np.ndarray],
) -> None:
    found = comparisons(*_frames(scores))
    names = {"iterative by accuracy", "iterative by cosine", "random"}
    other = "iterative by accuracy on b"
    rows = found.to_dict("records")
    told = {(row["task"], row["path"], row["other_path"]): row for row in rows}
    assert {key[1:] for key in told if key[0] == "b"} == {
        (one, two) for one in names for two in names if one < two
    }
    assert ("a", "iterative by accuracy", other) in told
    row = told["a", "iterative by accuracy", "iterative by accuracy, lazy"]
    assert (row["score"], row["other_score"]) == (scores["a", "3"].mean(), scores["a", "6"].mean())
    assert not found["path"].str.contains("block").any()
    drawn = (scores["a", "5"] + scores["a", "6"]) / 2
    row = told["a", "iterative by cosine", "random"]
    by_hand = mean_interval((scores["a", "4"] - drawn).tolist(), ["a"] * N_ITEMS, (-100, 100))
    assert row["difference"] == pytest.approx(by_hand.mean)
    assert (row["difference_low"], row["difference_high"]) == (by_hand.low, by_hand.high)
    assert (row["score"], row["other_score"]) == (scores["a", "4"].mean(), drawn.mean())
    row = told["all", "iterative by accuracy", "iterative by cosine"]
    means = [(scores[task, "3"] - scores[task, "4"]).mean() for task in "ac"]
    assert row["difference"] == pytest.approx(np.mean(means))
    assert (row["n_tasks"], row["n_items"]) == (2, 2 * N_ITEMS)
    assert row["before"] == pytest.approx(np.mean([scores[task, ""].mean() for task in "ac"]))


def test_of_several_sets_of_items_the_largest_counts(
    scores: dict[tuple[str, str], np.ndarray],
) -> None:
    paths, items = _frames(scores)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    other = {"data_sha256": "few", "n_items": 2, "computed_at": later}
    few = items[items["item"].str.fullmatch(r"\w:[01]")]
    found = comparisons(
        pd.concat([paths, paths.assign(**other, result_key="few")]),
        pd.concat([items, few.assign(**other)]),
    )
    pd.testing.assert_frame_equal(found, comparisons(paths, items))


def test_without_scores_of_items_nothing_is_compared(
    scores: dict[tuple[str, str], np.ndarray],
) -> None:
    paths, items = _frames(scores)
    assert comparisons(paths, items.iloc[:0]).empty
    assert comparisons(paths.iloc[:0], items).empty
