"""Fits over folds: what leaks, what does not, and how it is measured."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ml.measures import draw_groups, measure, r2, spearman
from ml.study import Cell
from ml.validation import fits, predictions, prepare
from modelstrata.errors import NotEnoughData


def models(n_groups: int = 24, n_per_group: int = 5, seed: int = 0) -> pd.DataFrame:
    """Return models whose score depends on their group alone, four groups a family."""
    generator = np.random.default_rng(seed)
    group = np.repeat(np.arange(n_groups), n_per_group)
    family_score = generator.uniform(20, 80, n_groups // 4)
    score = family_score[group // 4] + generator.normal(0, 1, len(group))
    return pd.DataFrame(
        {
            "model_id": [f"owner/model-{number:04}" for number in range(len(group))],
            "structure_tier": "exact",
            "structure_group": [f"group-{number:02}" for number in group],
            "family": [f"family-{number // 4}" for number in group],
            "size": generator.uniform(1, 70, n_groups)[group],
            "date": pd.Timestamp("2023-01-01") + pd.to_timedelta(np.arange(len(group)), "D"),
            "layers": generator.permutation(n_groups)[group],
            "d_model": generator.permutation(n_groups)[group] * 64,
            "d_ffn": generator.permutation(n_groups)[group] * 256,
            "heads": generator.permutation(n_groups)[group],
            "benchmark": "mmlu",
            "score": score,
        }
    )


def measured(
    frame: pd.DataFrame, regressor: str, split: str, feature_set: str = "key", repeats: int = 1
) -> dict[str, float]:
    prepared = prepare(frame, Cell(regressor, "mmlu", feature_set, split, "exact"), repeats)
    return measure(predictions(prepared, fits(prepared)), seed=1)


def test_copies_leak_in_random_splits_alone() -> None:
    frame = models().assign(score=lambda rows: rows["d_ffn"] * 7919 % 61)
    random, grouped = (
        measured(frame, "decision_tree", split, "structure")
        for split in ("random", "grouped_structure")
    )
    assert random["r2"] > 0.95
    assert grouped["r2"] < 0.2
    assert grouped["gain_low"] <= grouped["gain"] <= grouped["gain_high"]


def test_the_familys_mean_tells_all_until_families_are_held_out() -> None:
    frame = models()
    assert measured(frame, "family_mean", "random", "family")["r2"] > 0.95
    assert measured(frame, "family_mean", "grouped_structure", "family")["r2"] > 0.95
    held_out = measured(frame, "family_mean", "grouped_family", "family")
    # No better than the mean of all, to which it falls back.
    assert held_out["gain"] == 0
    assert held_out["r2"] < 0
    assert held_out["n_groups"] == 6


def test_what_is_fitted_does_not_depend_on_the_rows_held_out() -> None:
    frame = models()
    cell = Cell("ridge", "mmlu", "key", "grouped_structure", "exact")
    first = next(fits(prepare(frame, cell)))
    wild = frame.sort_values("model_id").reset_index(drop=True)
    wild.loc[first.fold.held_out, ["size", "d_model", "score"]] = 1e6
    again = next(fits(prepare(wild, cell)))
    assert (again.fold.held_out == first.fold.held_out).all()
    assert (again.x_held_out[:, 0] == 1e6).all()
    for name in ("statistics_", "mean_", "scale_", "coef_"):
        fitted = [getattr(step, name) for step in first.model if hasattr(step, name)]
        after = [getattr(step, name) for step in again.model if hasattr(step, name)]
        assert fitted
        np.testing.assert_array_equal(fitted, after)


def test_measures_are_means_over_repeats_of_what_the_stored_predictions_give() -> None:
    frame = models().sample(frac=1, random_state=3)
    cell = Cell("lasso", "mmlu", "key", "random", "exact")
    prepared = prepare(frame, cell, repeats=3)
    stored = predictions(prepared, fits(prepared))
    found = measure(stored, seed=5)
    each = [
        {
            "r2": r2(part["score"].to_numpy(), part["predicted_score"].to_numpy()),
            "mae": (part["score"] - part["predicted_score"]).abs().mean(),
            "spearman": stats.spearmanr(part["score"], part["predicted_score"]).statistic,
            "gain": 1
            - ((part["score"] - part["predicted_score"]) ** 2).sum()
            / ((part["score"] - part["baseline_score"]) ** 2).sum(),
        }
        for _, part in stored.groupby("repeat")
    ]
    assert len(each) == 3
    for name, values in pd.DataFrame(each).items():
        assert found[str(name)] == pytest.approx(values.mean())
        assert found[f"{name}_repeat_sd"] == pytest.approx(values.std(ddof=1))
        assert found[f"{name}_low"] < found[str(name)] < found[f"{name}_high"]
    assert (found["n"], found["n_groups"], found["n_repeats"]) == (120, 24, 3)
    # Training rows alone make the baseline.
    one = stored[(stored["repeat"] == 1) & (stored["fold"] == 2)]
    trained = ~frame["model_id"].isin(one["model_id"])
    assert one["baseline_score"].to_numpy() == pytest.approx(frame.loc[trained, "score"].mean())
    shuffled = prepare(frame[::-1], cell, repeats=3)
    again = predictions(shuffled, fits(shuffled))
    assert again.to_csv().encode() == stored.to_csv().encode()


def test_further_repeats_do_not_narrow_an_interval() -> None:
    frame = models().assign(score=lambda rows: rows["score"] + rows["layers"])
    once, often = (
        measured(frame, "linear_regression", "grouped_structure", repeats=n) for n in (1, 6)
    )
    widths = [found["mae_high"] - found["mae_low"] for found in (once, often)]
    assert widths[1] > 0.75 * widths[0]


def test_rank_correlation_of_a_draw_is_that_of_the_rows_drawn() -> None:
    generator = np.random.default_rng(2)
    group = generator.integers(0, 12, 80)
    y, predicted = generator.integers(0, 9, (2, 80)).astype("float64")
    table = pd.DataFrame(
        {
            "model_id": np.arange(80),
            "repeat": 0,
            "bootstrap_group": group,
            "score": y,
            "predicted_score": predicted,
            "baseline_score": 4.0,
        }
    )
    draws = [
        stats.spearmanr(np.repeat(y, counts[group]), np.repeat(predicted, counts[group])).statistic
        for counts in draw_groups(12, 9, 50)
    ]
    found = measure(table, seed=9, n_draws=50)
    assert found["spearman"] == pytest.approx(stats.spearmanr(y, predicted).statistic)
    assert found["spearman_low"] == pytest.approx(np.quantile(draws, 0.025))
    assert found["spearman_high"] == pytest.approx(np.quantile(draws, 0.975))
    assert np.isnan(spearman(y, np.ones(80)))


def test_rows_without_a_date_and_constant_features_are_noted() -> None:
    frame = models().assign(size=7.0)
    frame.loc[:9, "date"] = pd.NaT
    cell = Cell("ridge", "mmlu", "size_date", "temporal", "exact")
    prepared = prepare(frame, cell)
    assert "cannot explain anything: size" in prepared.notes[0]
    assert prepared.notes[1] == "10 of 120 models have no date and are in no fold."
    stored = predictions(prepared, fits(prepared))
    assert stored["model_id"].is_unique
    assert len(stored) == 110 - len(prepared.folds[0].train)
    with pytest.raises(NotEnoughData, match="has a score on ifeval"):
        prepare(frame, Cell("ridge", "ifeval", "key", "random", "exact"))
    with pytest.raises(NotEnoughData, match="at least 5 families, there are 1"):
        prepare(
            frame.assign(family="llama"),
            Cell("ridge", "mmlu", "key", "grouped_family", "exact"),
        )
