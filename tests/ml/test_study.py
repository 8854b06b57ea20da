"""Folds and features."""

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ml.study import FEATURE_SETS, N_FOLDS, Cell, features, folds, result_key
from modelstrata.errors import NotEnoughData

GROUPS = st.lists(st.integers(0, 12).map("group-{}".format), min_size=5, max_size=80)


@given(GROUPS, st.integers(0, 2**31 - 1))
def test_grouped_folds_never_split_a_group(groups: list[str], seed: int) -> None:
    assume(len(set(groups)) >= N_FOLDS)
    assigned = folds(pd.Series(groups), "grouped_structure", seed)
    assert set(assigned) == set(range(N_FOLDS))
    by_group = pd.Series(assigned).groupby(groups).nunique()
    assert (by_group == 1).all()


@given(GROUPS, st.integers(0, 2**31 - 1))
def test_random_folds_are_five_parts_of_equal_size(groups: list[str], seed: int) -> None:
    assigned = folds(pd.Series(groups), "random", seed)
    sizes = np.bincount(assigned, minlength=N_FOLDS)
    assert sizes.sum() == len(groups)
    assert sizes.max() - sizes.min() <= 1
    assert (assigned == folds(pd.Series(groups), "random", seed)).all()


@given(GROUPS)
def test_fewer_groups_than_folds_are_refused(groups: list[str]) -> None:
    assume(len(set(groups)) < N_FOLDS)
    message = f"at least 5 structure groups, there are {len(set(groups))}"
    with pytest.raises(NotEnoughData, match=message):
        folds(pd.Series(groups), "grouped_structure", 1)


DATES = [datetime.date(1970, 1, 1), None, datetime.date(2024, 2, 29), datetime.date(1969, 12, 31)]


@pytest.mark.parametrize(
    "dates",
    [
        pd.Series(DATES, dtype="object"),
        pd.to_datetime(pd.Series(DATES)),
        pd.to_datetime(pd.Series(DATES)).astype("datetime64[us]"),
    ],
)
def test_dates_become_days_since_1970_and_unknown_values_stay_unknown(dates: pd.Series) -> None:
    numbers = {name: [1, None, 3, 4] for name in FEATURE_SETS["key"] if name != "date"}
    frame = pd.DataFrame({**numbers, "date": dates}).astype({"layers": "Int64"})
    found = features(frame, "key")
    assert list(found.columns) == list(FEATURE_SETS["key"])
    assert (found.dtypes == "float64").all()
    np.testing.assert_array_equal(found["date"], [0, np.nan, 19782, -1])
    np.testing.assert_array_equal(found["layers"], [1, np.nan, 3, 4])


def test_a_column_without_any_value_is_unknown_throughout() -> None:
    frame = pd.DataFrame({name: [None] * 3 for name in FEATURE_SETS["key"]})
    assert features(frame, "key").isna().all(axis=None)


def test_keys_differ_with_input_code_and_configuration() -> None:
    study = [Cell("random_forest", "mmlu", "key", "random", "exact")]
    other = [Cell("random_forest", "mmlu", "key", "random", "exact", seed=7)]
    keys = {
        result_key("input", "code", study),
        result_key("input 2", "code", study),
        result_key("input", "code 2", study),
        result_key("input", "code", other),
    }
    assert len(keys) == 4
    assert result_key("input", "code", list(study)) in keys
