"""What Dagster shows of a partition of the study: R², coverage, rows, and the checks."""

import math
from pathlib import Path
from typing import Any

from ml.splits import SPLITS
from modelstrata.scratch import scratch
from orchestration.study import Landed

#: Measured coverage may be so far from its level: 3 points.
_NEAR = 0.03


def numbers(landed: Landed) -> dict[str, float | int]:
    """Return coverage, rows at most, cells that were not fitted, seconds."""
    found: dict[str, float | int] = {"gaps": len(landed.gaps), "seconds": round(landed.seconds, 3)}
    scores, covered = _scores(landed), _coverage(landed)
    for coverage, _, _ in covered:
        found["coverage"] = coverage
    rows = [n for *_, n in (*scores, *covered)]
    return {**found, "n": max(rows, default=0)}


def r2_by_split(landed: Landed) -> list[dict[str, Any]]:
    """Return a row a regressor, feature set and tier: R² of each split, None without; n at most."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for regressor, features, split, tier, r2, n in _scores(landed):
        named = {"regressor": regressor, "features": features, "tier": tier, "n": n}
        row = found.setdefault((regressor, features, tier), {**named, **dict.fromkeys(SPLITS)})
        row |= {"n": max(row["n"], n), split: round(r2, 4)}
    return list(found.values())


def checks(landed: Landed) -> dict[str, tuple[bool, str]]:
    """Return of each check whether it passed, and a sentence."""
    scores, covered = _scores(landed), _coverage(landed)
    odd = sum(not math.isfinite(row[4]) for row in scores)
    gaps = " ".join(landed.gaps)
    return {
        "r2_is_finite": (
            bool(scores) and not odd,
            f"{len(scores)} cells fitted, {odd} of them without a finite R². {gaps}",
        ),
        "coverage_is_near_its_level": (
            bool(covered) and all(abs(c - level) <= _NEAR for c, level, _ in covered),
            " ".join(f"{c:.1%} of groups held at {level:.0%}." for c, level, _ in covered) + gaps,
        ),
        "no_feature_is_constant": (not landed.constant, " ".join(landed.constant)),
    }


def _scores(landed: Landed) -> list[tuple]:
    for table in ("regression_scores", "inverse_regression_scores"):
        if table in landed.batches:
            return _read(landed.batches[table], "regressor, feature_set, split, tier, r2, n")
    return []


def _coverage(landed: Landed) -> list[tuple]:
    batch = landed.batches.get("interval_coverage")
    return _read(batch, "coverage_groups, level, n") if batch else []


def _read(batch: Path, columns: str) -> list[tuple]:
    with scratch() as connection:
        return connection.read_parquet(str(batch)).select(columns).order("all").fetchall()
