"""Intervals hold what they promise, for groups that nothing was fitted on."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from ml.conformal import coverage, fit_conformal
from ml.regressors import REGRESSORS
from modelstrata.errors import NotEnoughData


def linear(seed: int) -> LinearRegression:
    return LinearRegression()


def copies(n_groups: int, seed: int, big: int = 1) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """Return copies of structures, one to nine each: groups err together, their copies alike.

    The first group has `big` times the copies.
    """
    generator = np.random.default_rng(seed)
    sizes = generator.integers(1, 10, n_groups)
    sizes[0] *= big
    group = np.repeat(np.arange(n_groups), sizes)
    size = generator.uniform(0, 10, n_groups)
    score = 30 + 3 * size + generator.normal(0, 5, n_groups)
    return (
        pd.DataFrame({"size": size[group]}),
        score[group] + generator.normal(0, 1, len(group)),
        group,
    )


@pytest.mark.parametrize("method", ["cv", "cv+", "split"])
def test_new_groups_are_covered_as_promised(method: str) -> None:
    covered, widths = [], []
    for seed in range(12):
        x, y, group = copies(60, seed)
        new_x, new_y, new_group = copies(200, 1000 + seed)
        interval = fit_conformal(linear, x, y, group, seed, method=method).predict(new_x)  # type: ignore[arg-type]
        is_covered = (interval["low"] <= new_y) & (new_y <= interval["high"])
        covered.append(is_covered.groupby(new_group).mean().mean())
        widths.append((interval["high"] - interval["low"]).mean())
    assert np.mean(covered) == pytest.approx(0.91, abs=0.035)
    # Errors have a standard deviation of 5.1: 90 % of them lie within 16.8 points.
    assert np.mean(widths) == pytest.approx(17.5, rel=0.2)


def test_a_base_model_of_many_copies_does_not_set_the_width() -> None:
    x, y, group = copies(60, seed=3, big=300)
    y = np.where(group == 0, 30 + 3 * x["size"].to_numpy() + 0.1, y)
    fit = partial(fit_conformal, lambda _: REGRESSORS["lasso"](1), x, y, group, 1)
    by_group, by_row = (
        (made["high"] - made["low"]).mean()
        for made in (fit(weigh=weigh).predict(x[group > 0]) for weigh in ("groups", "rows"))
    )
    assert by_group > 2 * by_row


def test_measured_coverage_is_that_of_the_rows_it_lists() -> None:
    x, y, group = copies(80, seed=5)
    measured, rows = coverage(linear, x, y, group, seed=1)
    assert measured["coverage_groups"] == pytest.approx(0.91, abs=0.06)
    within = (rows["low"] <= y) & (y <= rows["high"])
    assert measured["coverage_rows"] == within.mean()
    assert measured["coverage_groups"] == pytest.approx(within.groupby(group).mean().mean())
    assert (rows["fold"].groupby(group).nunique() == 1).all()
    assert coverage(linear, x, y, group, seed=1)[1].to_csv() == rows.to_csv()
    assert rows[["low", "high"]].stack().between(0, 100).all()


def test_too_few_groups_for_the_level_are_refused() -> None:
    x, y, group = copies(40, seed=1)
    with pytest.raises(NotEnoughData, match=r"at 90% need at least 9 groups.*there are 8"):
        fit_conformal(linear, x, y, group, 1, method="split")
    fit_conformal(linear, x[group < 9], y[group < 9], group[group < 9], 1)
