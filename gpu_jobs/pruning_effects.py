"""What a removal of layers does to a score: pairs of evaluations and the columns of the results."""

from collections.abc import Sequence
from typing import Any

from gpu_jobs.intervals import mean_interval
from modelstrata.landing_schema import EVALUATION_COLUMNS, LANDING_TABLES, RESULT_KEY_COLUMNS

#: One row a document of an evaluation. The full model's `removed_layers` is the empty text.
SAMPLES = {
    **RESULT_KEY_COLUMNS,
    **EVALUATION_COLUMNS,
    "subject": "VARCHAR",
    "sample": "VARCHAR",
    "value": "DOUBLE",
    "chance": "DOUBLE",
}
#: One row a benchmark and a removal. Time and memory are those of the evaluation after it.
EFFECTS = LANDING_TABLES["pruning_effects"]

Rows = Sequence[dict[str, Any]]


def effect(before: Rows, after: Rows) -> dict[str, Any]:
    """Compare two evaluations of one benchmark, document by document.

    Args:
        before: rows of `SAMPLES` of the full model.
        after: rows of the same documents without some layers.

    Returns:
        The measured columns of a row of `EFFECTS`: scores 0-100, the mean over subjects.

    Raises:
        ValueError: the two are not of the same documents.
    """
    pairs = {(row["subject"], row["sample"]): row["value"] for row in after}
    if len(pairs) != len(after) or set(pairs) != {(r["subject"], r["sample"]) for r in before}:
        raise ValueError("the evaluations are not of the same documents")
    subjects = [row["subject"] for row in before]
    full = mean_interval([row["value"] for row in before], subjects, (0.0, 100.0))
    change = mean_interval(
        [pairs[row["subject"], row["sample"]] - row["value"] for row in before],
        subjects,
        (-100.0, 100.0),
    )
    chances = [row["chance"] for row in before]
    guessing = None if None in chances else mean_interval(chances, subjects, (0.0, 100.0)).mean
    return {
        "before": full.mean,
        "before_low": full.low,
        "before_high": full.high,
        "after": full.mean + change.mean,
        "difference": change.mean,
        "difference_low": change.low,
        "difference_high": change.high,
        "n_samples": len(before),
        "chance": guessing,
    }


def at_chance(row: dict[str, Any]) -> bool:
    """Tell whether the full model's score cannot be told from guessing; a score of 0 never can."""
    if row["chance"] is None or row["before_low"] is None:
        return bool(row["before"] == 0.0)
    return bool(row["before_low"] <= row["chance"])


def change(row: dict[str, Any]) -> str:
    """Say the scores before and after, and their difference with its interval."""
    ends = [row["difference_low"], row["difference_high"]]
    interval = "" if None in ends else f" [{ends[0]:+.1f}, {ends[1]:+.1f}]"
    return (
        f"{row['before']:.1f} to {row['after']:.1f}, difference {row['difference']:+.1f}{interval}"
    )


def sentence(row: dict[str, Any]) -> str:
    """Say one row of `EFFECTS` in a line."""
    how = {"block_influence": "least influential", "given": "given", "random": "random"}
    return (
        f"{row['benchmark']} {row['metric']}, {how[row['selection']]} layers "
        f"{row['removed_layers']} removed: {change(row)}"
        + ("; the full model is at chance" if at_chance(row) else "")
    )
