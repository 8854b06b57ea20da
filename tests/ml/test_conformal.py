"""Intervals hold what they promise, for groups that nothing was fitted on."""

import numpy as np
import pandas as pd
import pytest

from ml.conformal import coverage, fit_conformal
from modelstrata.errors import NotEnoughData


def copies(n_groups: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return copies of structures, one to nine each: groups err together, their copies alike."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 10, n_groups)
    group = np.repeat(np.arange(n_groups), sizes)
    size = generator.uniform(0, 10, n_groups)
    score = 30 + 3 * size + generator.normal(0, 5, n_groups)
    return (
        pd.DataFrame({"size": size[group]}),
        score[group] + generator.normal(0, 1, len(group)),
        group,
    )


@pytest.mark.parametrize("n_groups", [25, 60])
def test_new_groups_are_covered_as_promised(n_groups: int) -> None:
    covered = []
    for seed in range(20):
        x, y, group = copies(n_groups, seed)
        new_x, new_y, new_group = copies(200, 1000 + seed)
        interval = fit_conformal(x, y, group, seed).predict(new_x)
        is_covered = (interval["low"] <= new_y) & (new_y <= interval["high"])
        covered.append(is_covered.groupby(new_group).mean().mean())
    assert np.mean(covered) == pytest.approx(0.9, abs=0.02)


def test_a_base_model_of_many_copies_does_not_set_the_width() -> None:
    x, y, group = copies(60, seed=3)
    few = fit_conformal(x, y, group, 1).half_width
    # A thousand copies more of the first model, score and all.
    more_x = pd.concat([x, x.iloc[[0] * 1000]], ignore_index=True)
    more_y, more_group = np.append(y, [y[0]] * 1000), np.append(group, [0] * 1000)
    assert fit_conformal(more_x, more_y, more_group, 1).half_width == pytest.approx(few, rel=0.15)


def test_measured_coverage_is_that_of_the_rows_it_lists() -> None:
    x, y, group = copies(80, seed=5)
    measured, rows = coverage(x, y, group, seed=1)
    assert measured["coverage_groups"] == pytest.approx(0.9, abs=0.06)
    within = (rows["low"] <= y) & (y <= rows["high"])
    assert measured["coverage_rows"] == within.mean()
    assert measured["coverage_groups"] == pytest.approx(within.groupby(group).mean().mean())
    assert (rows["fold"].groupby(group).nunique() == 1).all()
    assert coverage(x, y, group, seed=1)[1].to_csv() == rows.to_csv()
    assert rows[["low", "high"]].stack().between(0, 100).all()


def test_too_few_groups_for_the_level_are_refused() -> None:
    x, y, group = copies(9, seed=1)
    with pytest.raises(NotEnoughData, match=r"at 90% need at least 9 groups.*there are 8"):
        fit_conformal(x[group < 8], y[group < 8], group[group < 8], 1)
    fit_conformal(x, y, group, 1)
