"""Which rows train and which are held out: four splits, repeated with seeds."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupKFold, KFold

from modelstrata.errors import NotEnoughData

SPLITS = ("random", "grouped_structure", "grouped_family", "temporal")
N_FOLDS = 5
_UNITS = {"grouped_structure": "structure groups", "grouped_family": "families"}


@dataclass(frozen=True)
class Fold:
    """One fit: positions of the rows that train it and of those it predicts.

    Attributes:
        repeat: number of the repeat, from 0.
        seed: seed of the repeat's shuffle and regressors.
        number: number of the fold within the repeat, from 0.
        train: positions of training rows.
        held_out: positions of the rows to predict.
    """

    repeat: int
    seed: int
    number: int
    train: np.ndarray
    held_out: np.ndarray


def split_rows(
    rows: pd.DataFrame, split: str, seed: int, repeats: int = 1, n_folds: int = N_FOLDS
) -> list[Fold]:
    """Split rows into folds, `repeats` times with the seeds `seed`, `seed + 1`, ….

    `random` shuffles rows, as the paper does. `grouped_structure` and `grouped_family` keep all
    rows of a group on one side. `temporal` cuts the dated rows into `n_folds + 1` stretches of
    time of about as many rows; each but the first is predicted from all rows before it. Rows of
    one day stay together, and rows without a date are in no fold (see `undated`). Its folds are
    the same in every repeat, only the regressors' seed differs.

    Args:
        rows: columns `structure_group`, `family` and `date`, as far as the split needs them.
        split: one of `SPLITS`.
        seed: first seed.
        repeats: how often to split.
        n_folds: folds a repeat.

    Raises:
        NotEnoughData: fewer rows, groups or days than the folds need.
        ValueError: there is no such split.
    """
    seeds = range(seed, seed + repeats)
    if split == "temporal":
        windows = _windows(rows["date"], n_folds)
        return [
            Fold(repeat, one, number, train, held_out)
            for repeat, one in enumerate(seeds)
            for number, (train, held_out) in enumerate(windows)
        ]
    groups = split_groups(rows, split)
    found = []
    for repeat, one in enumerate(seeds):
        assigned = folds(groups, split, one, n_folds)
        found += [
            Fold(repeat, one, number, np.flatnonzero(assigned != number), np.flatnonzero(held_out))
            for number, held_out in enumerate(assigned == np.arange(n_folds)[:, None])
        ]
    return found


def split_groups(rows: pd.DataFrame, split: str) -> pd.Series:
    """Return the group that each row is held out with, and drawn with in a bootstrap.

    That is its family in `grouped_family`, else its structure group. A model of unknown family
    counts to the family that most models of its structure group are of, as it may well be a copy
    of theirs; where none of them is known either, the structure group is a family of its own.
    """
    if split not in SPLITS:
        raise ValueError(f"There is no split {split!r}: choose one of {', '.join(SPLITS)}.")
    structure = rows["structure_group"]
    if split != "grouped_family":
        return structure
    family = rows["family"].astype("object")
    counts = family.groupby([structure, family]).size().rename("n").rename_axis(["group", "family"])
    ordered = counts.reset_index().sort_values(["n", "family"], ascending=[False, True])
    likely = ordered.drop_duplicates("group").set_index("group")["family"]
    fallback = structure.map(likely).astype("object")
    return family.fillna(fallback).fillna("structure " + structure.astype("object"))


def structure_groups(rows: pd.DataFrame) -> pd.Series:
    """Name the structure group of each row: `layers x d_model x heads x d_ffn`, as the marts do.

    A row without d_ffn could belong to any group of its layers, width and heads. All of them are
    then one group, whatever their tiers, so that no copy of a base model stands on both sides.
    """
    layers, d_model, heads, d_ffn = (
        rows[name].astype("float64").map("{:.15g}".format, na_action="ignore").astype("object")
        for name in ("layers", "d_model", "heads", "d_ffn")
    )
    shape = layers + "x" + d_model + "x" + heads
    is_open = rows["d_ffn"].isna().groupby(shape).transform("any")
    return shape + "x" + d_ffn.mask(is_open, "any")


def undated(rows: pd.DataFrame) -> int:
    """Count the rows that the temporal split sets aside."""
    return int(rows["date"].isna().sum())


def folds(groups: pd.Series, split: str, seed: int, n_folds: int = N_FOLDS) -> np.ndarray:
    """Assign each row to a fold; integers of shape (rows,).

    `random` shuffles rows. The grouped splits keep all rows of a group in one fold, so that near
    copies of one base model never stand on both sides.

    Raises:
        NotEnoughData: fewer rows, or fewer groups, than folds.
    """
    needed = len(groups) if split == "random" else groups.nunique()
    if needed < n_folds:
        unit = _UNITS.get(split, "models")
        raise NotEnoughData(
            f"The {split} split needs at least {n_folds} {unit}, there are {needed}: "
            "land more evaluations or configs."
        )
    if split == "random":
        parts = KFold(n_folds, shuffle=True, random_state=seed).split(groups)
    else:
        parts = GroupKFold(n_folds, shuffle=True, random_state=seed).split(groups, groups=groups)
    assigned = np.full(len(groups), -1)
    for fold, (_, held_out) in enumerate(parts):
        assigned[held_out] = fold
    return assigned


def _windows(dates: pd.Series, n_folds: int) -> list[tuple[np.ndarray, np.ndarray]]:
    days = pd.to_datetime(dates).to_numpy()
    known, counts = np.unique(days[~np.isnat(days)], return_counts=True)
    if len(known) < n_folds + 1:
        raise NotEnoughData(
            f"The temporal split needs models of at least {n_folds + 1} different days, but the "
            f"{counts.sum()} dated ones are of {len(known)}: land more dated evaluations."
        )
    # A leaderboard may have been filled on one day, so each stretch takes its part of what is left.
    ends: list[np.datetime64] = []
    rows_left, days_left = int(counts.sum()), len(known)
    taken = 0
    for day, count in zip(known, counts, strict=True):
        stretches_left = n_folds + 1 - len(ends)
        taken += int(count)
        days_left -= 1
        if taken >= rows_left / stretches_left or days_left < stretches_left:
            ends.append(day)
            rows_left -= taken
            taken = 0
    found = []
    for start, end in pairwise(ends):
        found.append(
            (np.flatnonzero(days <= start), np.flatnonzero((days > start) & (days <= end)))
        )
    return found
