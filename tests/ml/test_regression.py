"""Regressions: measures, intervals, folds, determinism and what they must not see."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from sklearn import metrics

from ml.measures import group_bootstrap, mean_absolute_error, r2
from ml.regression import run_cell, run_study
from ml.study import Cell, cells
from modelstrata.errors import NotEnoughData


def cell(split: str, benchmark: str = "mmlu", seed: int = 42) -> Cell:
    return Cell("random_forest", benchmark, "key", split, "exact", seed)


def models(n_groups: int, n_per_group: int, seed: int = 0) -> pd.DataFrame:
    """Return models whose score depends on nothing but which group they are of."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), n_per_group)
    score = generator.uniform(20, 80, n_groups)[group] + generator.normal(0, 0.5, len(group))
    return pd.DataFrame(
        {
            "model_id": [f"owner/model-{number:04}" for number in range(len(group))],
            "structure_tier": "exact",
            "structure_group": [f"group-{number}" for number in group],
            # Any structure tells the group, and nothing about the score of another group.
            "size": generator.uniform(1, 70, n_groups)[group],
            "date": pd.Timestamp("2024-01-01"),
            "layers": generator.permutation(n_groups)[group],
            "d_model": generator.permutation(n_groups)[group] * 64,
            "d_ffn": generator.permutation(n_groups)[group] * 256,
            "heads": generator.permutation(n_groups)[group],
            "mmlu": score,
            "gsm8k": score,
        }
    )


FINITE = arrays.arrays("float64", st.integers(2, 30), elements=st.floats(0, 100, width=16))


@given(FINITE, st.integers(0, 2**32 - 1))
def test_measures_are_those_of_scikit_learn(y: np.ndarray, seed: int) -> None:
    predicted = np.random.default_rng(seed).uniform(0, 100, len(y))
    assert mean_absolute_error(y, predicted) == pytest.approx(
        metrics.mean_absolute_error(y, predicted)
    )
    if np.ptp(y) > 0:
        assert r2(y, predicted) == pytest.approx(metrics.r2_score(y, predicted))


@settings(max_examples=20)
@given(st.integers(0, 1000))
def test_intervals_hold_the_estimate_of_well_behaved_data(seed: int) -> None:
    generator = np.random.default_rng(seed)
    y = generator.uniform(0, 100, 300)
    predicted = y + generator.normal(0, 10, 300)
    interval = group_bootstrap(y, predicted, np.arange(300), seed)
    assert interval["r2_low"] < r2(y, predicted) < interval["r2_high"]
    assert interval["mae_low"] < mean_absolute_error(y, predicted) < interval["mae_high"]


def test_intervals_of_few_big_groups_are_wider_than_those_of_rows() -> None:
    generator = np.random.default_rng(0)
    groups = np.repeat(np.arange(10), 50)
    y = generator.uniform(0, 100, 500)
    predicted = y + generator.normal(0, 15, 10)[groups]
    by_group = group_bootstrap(y, predicted, groups, 1)
    by_row = group_bootstrap(y, predicted, np.arange(500), 1)
    for measure in ("r2", "mae"):
        widths = [i[f"{measure}_high"] - i[f"{measure}_low"] for i in (by_group, by_row)]
        assert widths[0] > 2 * widths[1]


def test_intervals_are_those_of_drawing_groups_one_by_one() -> None:
    generator = np.random.default_rng(3)
    groups = generator.integers(0, 25, 200)
    y = generator.uniform(0, 100, 200)
    predicted = y + generator.normal(0, 20, 200)
    interval = group_bootstrap(y, predicted, groups, 5)
    rows = [np.flatnonzero(groups == group) for group in range(25)]
    draws = []
    for _ in range(2000):
        drawn = np.concatenate([rows[group] for group in generator.integers(0, 25, 25)])
        draws.append(metrics.r2_score(y[drawn], predicted[drawn]))
    low, high = np.quantile(draws, [0.025, 0.975])
    width = high - low
    assert interval["r2_low"] == pytest.approx(low, abs=0.15 * width)
    assert interval["r2_high"] == pytest.approx(high, abs=0.15 * width)


def test_what_only_the_group_tells_leaks_in_random_splits_alone() -> None:
    frame = models(40, 6)
    random = run_cell(frame, cell("random")).score["r2"][0]
    grouped = run_cell(frame, cell("grouped_structure")).score["r2"][0]
    assert random > 0.95
    assert grouped <= 0.05


def test_results_follow_from_the_predictions_that_are_stored() -> None:
    frame = models(12, 4).sample(frac=1, random_state=1)
    result = run_cell(frame, cell("grouped_structure"))
    stored = result.predictions
    assert sorted(stored["model_id"]) == sorted(frame["model_id"])
    truth = frame.set_index("model_id")["mmlu"]
    assert (truth[stored["model_id"]].to_numpy() == stored["score"]).all()
    score = result.score.iloc[0]
    assert score["r2"] == pytest.approx(
        metrics.r2_score(stored["score"], stored["predicted_score"])
    )
    by_fold = [
        metrics.r2_score(fold["score"], fold["predicted_score"])
        for _, fold in stored.groupby("fold")
    ]
    assert score["r2_fold_mean"] == pytest.approx(np.mean(by_fold))
    assert score["r2_fold_sd"] == pytest.approx(np.std(by_fold, ddof=1))
    assert (score["n"], score["n_groups"], score["n_folds"]) == (48, 12, 5)
    assert result.importances["importance"].sum() == pytest.approx(1)


def test_predictions_of_a_fold_do_not_see_its_scores() -> None:
    frame = models(12, 4)
    before = run_cell(frame, cell("grouped_structure")).predictions
    held_out = before.loc[before["fold"] == 0, "model_id"]
    changed = frame.assign(mmlu=frame["mmlu"].mask(frame["model_id"].isin(held_out), 0.0))
    after = run_cell(changed, cell("grouped_structure")).predictions
    for one, other in ((before, after),):
        same = one["fold"] == 0
        assert (one.loc[same, "predicted_score"] == other.loc[same, "predicted_score"]).all()
    assert (before["predicted_score"] != after["predicted_score"]).any()


@pytest.mark.parametrize("threads", [1, 2])
def test_running_again_gives_the_same_bytes_whatever_the_threads_and_row_order(
    threads: int,
) -> None:
    frame = models(12, 4)
    study = [cell("random"), cell("grouped_structure")]
    first, _ = run_study(frame, study)
    again, _ = run_study(frame.sample(frac=1, random_state=2), study, threads)
    for table, rows in first.items():
        pd.testing.assert_frame_equal(rows, again[table], check_exact=True)
        assert rows.to_csv().encode() == again[table].to_csv().encode()


def test_cells_without_enough_data_are_named_and_the_others_run() -> None:
    frame = models(4, 10).assign(gsm8k=0.0, arc_challenge=np.nan)
    study = [
        cell("random"),
        cell("grouped_structure"),
        cell("random", "gsm8k"),
        cell("random", "arc_challenge"),
    ]
    steps: list[str] = []
    tables, missing = run_study(frame, study, advance=steps.append)
    assert tables["regression_scores"][["benchmark", "split"]].to_numpy().tolist() == [
        ["mmlu", "random"]
    ]
    assert [sentence.split(":")[0] for sentence in missing] == [
        "random_forest on mmlu (grouped_structure)",
        "random_forest on gsm8k (random)",
        "random_forest on arc_challenge (random)",
    ]
    assert "needs at least 5 structure groups, there are 4" in missing[0]
    assert "All 40 scores on gsm8k are equal" in missing[1]
    assert "needs at least 5 models, there are 0" in missing[2]
    assert len(steps) == len(study)
    with pytest.raises(NotEnoughData, match=r"structure groups.*are equal"):
        run_study(frame, study[1:])


def test_the_study_holds_every_random_split_with_its_grouped_twin() -> None:
    by_split: dict[str, set[Cell]] = {}
    for one in cells():
        twin = Cell(one.regressor, one.benchmark, one.feature_set, "", one.tier, one.seed)
        by_split.setdefault(one.split, set()).add(twin)
    assert by_split["random"] == by_split["grouped_structure"]
    assert len({one.benchmark for one in cells()}) == 6
