"""The forest on distinct rows, held against scikit-learn's own forests."""

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from ml.forest import Forest

KINDS = {
    "random_forest": (RandomForestRegressor, {}),
    "extra_trees": (ExtraTreesRegressor, {"splitter": "random", "bootstrap": False}),
}


def rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return features without ties, a tenth of them unknown, and scores."""
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 5))
    y = 10 * np.abs(x[:, 0]) + 3 * x[:, 1] + generator.normal(size=n)
    x[generator.random(x.shape) < 0.1] = np.nan
    return x, y


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 42])
def test_on_distinct_rows_it_is_scikit_learns_forest(kind: str, seed: int) -> None:
    make, options = KINDS[kind]
    x, y = rows(300, seed)
    theirs = make(60, random_state=seed).fit(x, y)
    ours = Forest(60, random_state=seed, **options).fit(x, y)
    for one, other in zip(ours.trees_, theirs.estimators_, strict=True):
        np.testing.assert_array_equal(one.threshold, other.tree_.threshold)
        np.testing.assert_array_equal(one.value, other.tree_.value)
    new = rows(200, seed + 1)[0]
    np.testing.assert_allclose(ours.predict(new), theirs.predict(new), rtol=1e-12)
    np.testing.assert_allclose(
        ours.feature_importances_, theirs.feature_importances_, rtol=1e-9, atol=1e-12
    )


def test_on_copies_both_forests_agree_in_the_mean_of_many() -> None:
    """Six copies a row, and two columns that part them alike: either is split as often."""
    generator = np.random.default_rng(0)
    base = generator.integers(1, 9, 40).astype("float64")
    x = np.repeat(np.stack([base, base * 128, generator.integers(1, 4, 40)], axis=1), 6, axis=0)
    y = x[:, 0] + 2 * x[:, 2] + generator.normal(size=len(x))
    for make, options in KINDS.values():
        theirs = [make(20, random_state=seed).fit(x, y) for seed in range(25)]
        ours = [Forest(20, random_state=seed, **options).fit(x, y) for seed in range(25)]
        mean = [
            np.mean([one.feature_importances_ for one in some], axis=0) for some in (ours, theirs)
        ]
        np.testing.assert_allclose(*mean, atol=0.03)
        predicted = [np.mean([one.predict(x) for one in some], axis=0) for some in (ours, theirs)]
        np.testing.assert_allclose(*predicted, atol=0.1)


def test_groups_of_one_row_are_rows_and_out_of_bag_is_scikit_learns() -> None:
    x, y = rows(200, 3)
    theirs = RandomForestRegressor(60, random_state=3, oob_score=True).fit(x, y)
    ours = Forest(60, random_state=3).fit(x, y, np.arange(200))
    np.testing.assert_allclose(ours.oob_prediction_, theirs.oob_prediction_, rtol=1e-12)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-12)


def test_out_of_bag_nothing_is_known_of_a_group() -> None:
    x, y = rows(120, 5)
    groups = np.arange(120) // 8
    before = Forest(30, random_state=5).fit(x, y, groups).oob_prediction_
    after = Forest(30, random_state=5).fit(x, y + 100 * (groups == 4), groups).oob_prediction_
    np.testing.assert_array_equal(before[groups == 4], after[groups == 4])
    assert np.abs(before - after)[groups != 4].mean() > 1


def test_what_a_forest_cannot_be_grown_on_is_refused() -> None:
    with pytest.raises(ValueError, match="needs rows"):
        Forest().fit(np.empty((0, 2)), np.empty(0))
    with pytest.raises(ValueError, match="finite"):
        Forest().fit(np.ones((3, 2)), np.array([1.0, np.nan, 2.0]))
