"""Feature sets."""

import datetime

import numpy as np
import pandas as pd
import pytest

from ml.features import FEATURE_SETS, constant_sentence, features
from modelstrata.errors import NotEnoughData

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


def test_the_full_set_reads_kinds_ratios_and_flags() -> None:
    frame = pd.DataFrame(
        {
            **{name: [1.0, 2.0] for name in ("size", "heads", "kv_heads", "vocab_size", "pos")},
            "date": [None, "2024-01-01"],
            "head_dim": [64, 128],
            "layers": [32, 80],
            "d_model": [4096, None],
            "d_ffn": [11008, 28672],
            "training_type": ["merge", None],
            "is_moe": pd.array([True, None], dtype="boolean"),
        }
    )
    found = features(frame, "full")
    kinds = found.filter(like="training_type_")
    assert kinds.sum(axis=1).tolist() == [1, 0]
    assert found["training_type_merge"].tolist() == [1, 0]
    np.testing.assert_array_equal(found["depth_to_width"], [32 / 4096, np.nan])
    np.testing.assert_array_equal(found["ffn_to_width"], [11008 / 4096, np.nan])
    np.testing.assert_array_equal(found["is_moe"], [1, np.nan])
    with pytest.raises(NotEnoughData, match="needs the column 'head_dim'"):
        features(frame.drop(columns="head_dim"), "full")
    with pytest.raises(NotEnoughData, match="Row 1 has the training type 'distilled'"):
        features(frame.assign(training_type=["chat", "distilled"]), "full")


def test_constant_features_are_named_and_nothing_else_is_refused() -> None:
    x = pd.DataFrame({"size": [7.0, 7.0], "layers": [32.0, 40.0], "pos": [np.nan, np.nan]})
    assert "size, pos" in (constant_sentence(x) or "")
    assert constant_sentence(x[["layers"]]) is None
    with pytest.raises(NotEnoughData, match=r"Every feature is constant.*size, pos"):
        constant_sentence(x[["size", "pos"]])
