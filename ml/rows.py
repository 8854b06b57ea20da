"""Which rows of `structure_scores` a cell reads."""

import pandas as pd

from ml.names import OPEN_LLM_V1
from ml.splits import structure_groups
from modelstrata.errors import NotEnoughData

TIERS = ("exact", "exact_and_imputed", "official", "pretrained")


def benchmark_rows(frame: pd.DataFrame, benchmark: str, tier: str) -> pd.DataFrame:
    """Return the rows of a benchmark and tier, ordered by model id, grouped among themselves.

    Args:
        frame: rows of `structure_scores`.
        benchmark: its name.
        tier: `exact`, `exact_and_imputed`, `official` (exact, of official providers) or
            `pretrained` (exact, not trained further).

    Raises:
        NotEnoughData: the table holds no such row, or there is no such tier.
    """
    rows = _tier_rows(frame[frame["benchmark"] == benchmark], tier)
    rows = rows[rows["score"].notna()].sort_values("model_id").reset_index(drop=True)
    if rows.empty:
        raise NotEnoughData(
            f"No model of the tier {tier!r} has a score on {benchmark} and a known structure: "
            "land evaluations and configs, or choose another benchmark."
        )
    return rows.assign(structure_group=structure_groups(rows))


def evaluation_rows(frame: pd.DataFrame, tier: str) -> pd.DataFrame:
    """Return a row a model of the first leaderboard: its structure, six scores as columns.

    Raises:
        NotEnoughData: no model has all six scores.
    """
    first = frame[frame["benchmark"].isin(OPEN_LLM_V1)]
    scores = first.pivot(index="model_id", columns="benchmark", values="score")
    scores = scores.reindex(columns=list(OPEN_LLM_V1)).dropna()
    if scores.empty:
        raise NotEnoughData(
            f"No model has scores on all of {', '.join(OPEN_LLM_V1)}: land evaluations of the "
            "first leaderboard."
        )
    structures = _tier_rows(first, tier).drop_duplicates("model_id")
    rows = structures.drop(columns=["benchmark", "score"]).merge(
        scores, left_on="model_id", right_index=True
    )
    rows = rows.sort_values("model_id").reset_index(drop=True)
    return rows.assign(structure_group=structure_groups(rows))


def _tier_rows(rows: pd.DataFrame, tier: str) -> pd.DataFrame:
    is_exact = rows["structure_tier"] == "exact"
    match tier:
        case "exact":
            return rows[is_exact]
        case "exact_and_imputed":
            return rows
        case "official":
            return rows[is_exact & rows["is_official"].fillna(False).astype(bool)]
        case "pretrained":
            return rows[is_exact & (rows["training_type"] == "pretrained").fillna(False)]
    raise NotEnoughData(f"There is no tier {tier!r}: choose one of {', '.join(TIERS)}.")
