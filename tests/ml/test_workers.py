"""Tasks side by side: what leaks, what is stored, gaps, and the same bytes every time."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics

from ml.names import OPEN_LLM_V1
from ml.plan import Task
from ml.splits import SPLITS
from ml.study import Cell, InverseCell
from ml.workers import gap_rows, run_tasks
from tests.builds import ROOT
from tests.ml.frames import copies

MAKES = ("scores", "impurity", "permutation")


def task(split: str, regressor: str = "random_forest", benchmark: str = "mmlu") -> Task:
    return Task(Cell(regressor, benchmark, "key", split, "exact"), 1, ("scores",))


def test_what_only_the_structure_tells_leaks_in_random_splits_alone() -> None:
    tasks = [task(split, "decision_tree") for split in SPLITS[:3]]
    tables, _ = run_tasks(copies(40, 6), tasks)
    r2 = tables["regression_scores"].set_index("split")["r2"]
    assert r2["random"] > 0.95
    assert r2["grouped_structure"] < 0.2
    assert r2["grouped_family"] < 0.2


def test_scores_follow_from_the_predictions_that_are_stored() -> None:
    one = Task(Cell("ridge", "mmlu", "key", "grouped_structure", "exact"), 2, ("scores",))
    tables, _ = run_tasks(copies().sample(frac=1, random_state=1), [one])
    stored = tables["score_predictions"]
    score = tables["regression_scores"].iloc[0]
    by_repeat = [
        metrics.r2_score(part["score"], part["predicted_score"])
        for _, part in stored.groupby("repeat")
    ]
    by_fold = [
        metrics.r2_score(part["score"], part["predicted_score"])
        for _, part in stored.groupby(["repeat", "fold"])
    ]
    assert score["r2"] == pytest.approx(np.mean(by_repeat))
    assert score["r2_fold_mean"] == pytest.approx(np.mean(by_fold))
    assert score["r2_fold_sd"] == pytest.approx(np.std(by_fold, ddof=1))
    assert (score["n"], score["n_groups"], score["n_folds"], score["n_repeats"]) == (120, 24, 5, 2)
    assert set(stored["repeat_seed"]) == {42, 43}
    assert (stored.groupby(["repeat", "structure_group"])["fold"].nunique() == 1).all()


def test_the_same_bytes_whatever_the_workers_and_the_order_of_rows() -> None:
    frame = copies(20, 3, benchmarks=OPEN_LLM_V1)
    forest = Cell("random_forest", "mmlu", "structure", "grouped_structure", "exact")
    tasks = [
        Task(forest, 1, ("draws",)),
        Task(forest, 1, MAKES),
        Task(Cell("group_forest", "mmlu", "key", "grouped_structure", "exact"), 2, ("coverage",)),
        *(
            Task(Cell(name, "mmlu", "key", "grouped_family", "exact"), 2, ("scores",))
            for name in ("mlp", "xgboost", "hist_gradient_boosting")
        ),
        Task(InverseCell("ridge", "layers", "scores", "random", "exact"), 2, ("scores",)),
    ]
    first, _ = run_tasks(frame, tasks, workers=1)
    again, _ = run_tasks(frame.sample(frac=1, random_state=2), tasks, workers=2)
    assert {"regression_scores", "feature_effects", "interval_coverage"} < set(first)
    assert list(first) == list(again)
    for table, rows in first.items():
        assert rows.to_csv().encode() == again[table].to_csv().encode(), table


def test_workers_run_with_the_core_installed_and_no_extra(tmp_path: Path) -> None:
    # As if the extras' table library were not installed, here and in the workers.
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not installed')")
    code = """
from ml.plan import Task
from ml.study import Cell
from ml.workers import run_tasks
from tests.ml.frames import copies
task = Task(Cell("ridge", "mmlu", "key", "random", "exact"), 1, ("scores",))
print(len(run_tasks(copies(20, 3), [task], workers=2)[0]["regression_scores"]))
"""
    paths = f"{tmp_path}:{ROOT}"
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert (run.stdout, run.returncode) == ("1\n", 0), run.stderr


def test_cells_without_enough_data_are_named_and_the_others_run() -> None:
    frame = copies(4, 10)
    flat = frame.assign(benchmark="gsm8k", score=0.0)
    tasks = [
        task("random", "linear_regression"),
        task("grouped_structure", "ridge"),
        task("random", benchmark="gsm8k"),
        task("random", benchmark="arc_challenge"),
        Task(Cell("random_forest", "mmlu", "tokens_flops", "random", "exact"), 1, ("scores",)),
    ]
    steps: list[str] = []
    tables, done = run_tasks(pd.concat([frame, flat]), tasks, advance=steps.append)
    assert tables["regression_scores"]["regressor"].tolist() == ["linear_regression"]
    gaps = gap_rows(done, "regressors")
    assert gaps[["benchmark", "feature_set", "split"]].to_numpy().tolist() == [
        ["mmlu", "key", "grouped_structure"],
        ["gsm8k", "key", "random"],
        ["arc_challenge", "key", "random"],
        ["mmlu", "tokens_flops", "random"],
    ]
    assert gaps["study"].unique().tolist() == ["regressors"]
    for reason, said in zip(
        gaps["reason"],
        (
            "needs at least 5 structure groups, there are 4: land more",
            "All 40 values of gsm8k are equal",
            "has a score on arc_challenge",
            "needs the column 'pretraining_tokens'",
        ),
        strict=True,
    ):
        assert said in reason
    assert len(steps) == len(tasks)


def test_importances_of_every_split_carry_the_interval_of_the_draws() -> None:
    frame = copies(20, 4).assign(score=lambda rows: rows["layers"] + rows["d_model"] / 1e4)
    splits = ("random", "grouped_structure")
    cells = [Cell("random_forest", "mmlu", "structure", split, "exact") for split in splits]
    tasks = [Task(cells[1], 1, ("draws",)), *(Task(cell, 1, MAKES) for cell in cells)]
    tables, _ = run_tasks(frame, tasks)
    importances = tables["feature_importances"]
    impurity = importances[importances["kind"] == "impurity"]
    assert impurity.groupby("split")["importance"].sum().to_numpy() == pytest.approx(1)
    assert impurity["importance_low"].notna().all()
    assert (impurity.groupby("feature")["importance_high"].nunique() == 1).all()
    best = importances.loc[importances.groupby(["split", "kind"])["importance"].idxmax()]
    assert set(best.loc[best["kind"] != "permutation_block", "feature"]) == {"layers"}
    # The score gains a point from layer to layer, the middle layer has the mean.
    layers = tables["feature_effects"].query("feature == 'layers'")
    assert np.ptp(layers["effect"]) / np.ptp(layers["value"]) == pytest.approx(1, abs=0.3)
    assert layers["effect"].is_monotonic_increasing
    assert layers["effect"].iloc[0] < 0 < layers["effect"].iloc[-1]
    assert (layers["effect_low"] <= layers["effect_high"]).all()


def test_the_way_back_finds_the_column_that_scores_tell() -> None:
    frame = copies(20, 4, benchmarks=OPEN_LLM_V1)
    frame["score"] = frame["layers"] + (frame["benchmark"] == "mmlu")
    tasks = [
        Task(InverseCell("random_forest", target, "scores", "grouped_structure", "exact"), 1, MAKES)
        for target in ("layers", "heads")
    ]
    tables, _ = run_tasks(frame, tasks)
    scores = tables["inverse_regression_scores"].set_index("target")
    assert scores.loc["layers", "r2"] > 0.9 > 0.5 > scores.loc["heads", "r2"]
    assert set(tables["inverse_feature_importances"]["feature"]) >= set(OPEN_LLM_V1)
    assert "score_predictions" not in tables
