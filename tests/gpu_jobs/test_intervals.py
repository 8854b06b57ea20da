"""Intervals of means and paired differences, against other computations and by coverage."""

import numpy as np
import pytest
from scipy import stats

from gpu_jobs.intervals import mean_interval
from gpu_jobs.pruning_effects import effect


def test_one_subject_is_the_paired_percentile_bootstrap() -> None:
    random = np.random.default_rng(1)
    before = (random.random(300) < 0.6) * 100.0
    after = np.where(random.random(300) < 0.15, 100.0 - before, before)
    expected = stats.bootstrap(
        (before, after),
        lambda x, y, axis: np.mean(y - x, axis=axis),
        paired=True,
        n_resamples=40_000,
        method="percentile",
        random_state=random,
    ).confidence_interval
    rows = [
        [{"subject": "a", "sample": str(n), "value": v, "chance": 25.0} for n, v in enumerate(x)]
        for x in (before, after)
    ]
    found = effect(rows[0], rows[1][::-1])
    assert found["difference"] == pytest.approx(after.mean() - before.mean())
    assert found["after"] == pytest.approx(after.mean())
    assert found["difference_low"] == pytest.approx(expected.low, abs=0.5)
    assert found["difference_high"] == pytest.approx(expected.high, abs=0.5)
    # Unpaired, the same two samples would leave three times the room.
    assert found["difference_high"] - found["difference_low"] < 0.7 * 2 * 1.96 * np.sqrt(
        (before.var() + after.var()) / 300
    )


def test_subjects_weigh_alike_and_are_kept_apart() -> None:
    random = np.random.default_rng(2)
    sizes, levels = (2, 3, 40, 400), (0.0, 90.0, 30.0, 60.0)
    values = [random.normal(level, 5, size) for size, level in zip(sizes, levels, strict=True)]
    subjects = [name for name, size in enumerate(sizes) for _ in range(size)]
    found = mean_interval(np.concatenate(values).tolist(), subjects, (-1e9, 1e9))
    mean = np.mean([v.mean() for v in values])
    error = np.sqrt(sum(v.var(ddof=1) / v.size for v in values)) / len(sizes)
    assert found.mean == pytest.approx(mean)
    assert found.low is not None and found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_an_interval_holds_the_truth_19_times_of_20() -> None:
    random, held = np.random.default_rng(3), 0
    subjects = [number % 6 for number in range(120)]
    levels = np.array([0.9, 0.7, 0.5, 0.5, 0.4, 0.3])
    for _ in range(400):
        values = (random.random(120) < levels[subjects]) * 100.0
        found = mean_interval(values.tolist(), subjects, (0, 100))
        assert found.low is not None and found.high is not None
        held += found.low <= levels.mean() * 100 <= found.high
    assert 0.92 <= held / 400 <= 0.98


@pytest.mark.parametrize("n", [5, 50, 1319])
def test_scores_without_a_change_have_the_exact_bound(n: int) -> None:
    none = mean_interval([0.0] * n, ["a"] * n, (0.0, 100.0))
    exact = stats.binomtest(0, n).proportion_ci(0.95, "exact")
    assert (none.mean, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(100 * exact.high)
    same = mean_interval([0.0] * n, ["a"] * n, (-100.0, 100.0))
    assert same.high == pytest.approx(100 * exact.high)
    assert same.low == pytest.approx(-100 * exact.high)


def test_single_samples_are_pooled_and_one_alone_has_no_interval() -> None:
    values = [0.0, 100.0, 100.0, 0.0, 100.0] * 8
    apart = mean_interval(values, list(range(40)), (0.0, 100.0))
    together = mean_interval(values, ["a"] * 40, (0.0, 100.0))
    assert apart == together
    alone = mean_interval([50.0], ["a"], (0.0, 100.0))
    assert (alone.mean, alone.low, alone.high) == (50.0, None, None)
    with pytest.raises(ValueError, match="finite"):
        mean_interval([float("nan")], ["a"], (0.0, 100.0))
