"""Splits: what stands on which side."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ml.splits import (
    N_FOLDS,
    SPLITS,
    folds,
    split_groups,
    split_rows,
    structure_groups,
    undated,
)
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


@st.composite
def models(draw: st.DrawFn) -> pd.DataFrame:
    n = draw(st.integers(30, 60))
    days = st.one_of(st.none(), st.integers(0, 40))
    return pd.DataFrame(
        {
            "structure_group": draw(st.lists(st.sampled_from("abcdefgh"), min_size=n, max_size=n)),
            "family": draw(
                st.lists(
                    st.sampled_from([None, "u", "v", "w", "x", "y", "z"]), min_size=n, max_size=n
                )
            ),
            "date": [
                None if day is None else pd.Timestamp("2024-01-01") + pd.Timedelta(days=day)
                for day in draw(st.lists(days, min_size=n, max_size=n))
            ],
        }
    )


@given(models(), st.sampled_from(SPLITS))
@settings(max_examples=60, deadline=None)
def test_no_split_lets_a_held_out_row_train_nor_anything_that_belongs_to_it(
    rows: pd.DataFrame, split: str
) -> None:
    try:
        made = split_rows(rows, split, seed=3, repeats=2)
    except NotEnoughData:
        assume(False)
    dates = pd.to_datetime(rows["date"])
    for repeat in range(2):
        parts = [fold for fold in made if fold.repeat == repeat]
        held_out = np.concatenate([fold.held_out for fold in parts])
        assert len(set(held_out)) == len(held_out)
        assert {fold.seed for fold in parts} == {3 + repeat}
        if split == "temporal":
            assert not dates.iloc[held_out].isna().any()
            assert len(held_out) + len(parts[0].train) + undated(rows) == len(rows)
        else:
            assert len(held_out) == len(rows)
    groups = split_groups(rows, split)
    for fold in made:
        assert len(fold.train)
        assert len(fold.held_out)
        assert not set(fold.train) & set(fold.held_out)
        if split == "temporal":
            assert dates.iloc[fold.train].max() < dates.iloc[fold.held_out].min()
        if split.startswith("grouped"):
            assert not set(groups.iloc[fold.train]) & set(groups.iloc[fold.held_out])


def test_models_of_unknown_family_go_with_the_likeliest_copies() -> None:
    rows = pd.DataFrame(
        {
            "structure_group": ["a", "a", "a", "a", "b", "b", "c", "c"],
            "family": ["llama", "llama", "yi", None, "yi", None, None, None],
        }
    )
    groups = split_groups(rows, "grouped_family").tolist()
    assert groups[:6] == ["llama", "llama", "yi", "llama", "yi", "yi"]
    assert groups[6] == groups[7]
    assert groups[6] not in groups[:6]
    assert split_groups(rows, "random").tolist() == rows["structure_group"].tolist()


def test_repeats_are_the_folds_of_their_seeds() -> None:
    rows = pd.DataFrame({"structure_group": [f"g{n % 9}" for n in range(40)], "family": None})
    made = split_rows(rows, "grouped_structure", seed=42, repeats=2)
    for fold in made:
        alone = folds(rows["structure_group"], "grouped_structure", 42 + fold.repeat)
        assert np.flatnonzero(alone == fold.number).tolist() == fold.held_out.tolist()
    assert [f.held_out.tolist() for f in made[:5]] != [f.held_out.tolist() for f in made[5:]]


def test_a_day_on_which_most_models_came_costs_no_fold() -> None:
    days = [1] * 100 + list(range(2, 22))
    rows = pd.DataFrame({"date": pd.Timestamp("2024-01-01") + pd.to_timedelta(days, "D")})
    made = split_rows(rows, "temporal", seed=1)
    assert [(len(fold.train), len(fold.held_out)) for fold in made] == [
        (100, 4),
        (104, 4),
        (108, 4),
        (112, 4),
        (116, 4),
    ]
    made = split_rows(rows[95:101].assign(date=rows["date"][100:106].array), "temporal", seed=1)
    assert [len(fold.train) for fold in made] == [1, 2, 3, 4, 5]


def test_too_few_days_are_refused() -> None:
    rows = pd.DataFrame({"date": ["2024-01-01"] * 30 + ["2024-02-01"] * 30 + [None]})
    with pytest.raises(NotEnoughData, match=r"6 different days, but the 60 dated ones are of 2"):
        split_rows(rows, "temporal", seed=1)
    with pytest.raises(NotEnoughData, match=r"the 0 dated ones"):
        split_rows(rows[-1:], "temporal", seed=1)


def test_rows_without_d_ffn_join_all_groups_that_they_could_be_of() -> None:
    rows = pd.DataFrame(
        {
            "structure_tier": ["exact", "exact", "imputed", "exact", "exact"],
            "layers": [32, 32, 32, 24, 24],
            "d_model": [4096, 4096, 4096, 2048.0, 2048],
            "heads": [32, 32, 32, 16, 16],
            "d_ffn": pd.array([11008, 14336, None, 5632, 8192], dtype="Int64"),
        }
    )
    joined = "32x4096x32xany"
    apart = ["24x2048x16x5632", "24x2048x16x8192"]
    assert structure_groups(rows).tolist() == [joined, joined, joined, *apart]
    assert structure_groups(rows[rows["structure_tier"] == "exact"]).tolist() == [
        "32x4096x32x11008",
        "32x4096x32x14336",
        *apart,
    ]
