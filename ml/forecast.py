"""Expected scores of one structure, how it lies to what was seen, and its nearest neighbours."""

import datetime
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.predictor_file import Predictor
from ml.seen import Outside, distances, outside, structures
from ml.subject import Subject

N_NEIGHBOURS = 5


@dataclass(frozen=True)
class Neighbour:
    """A model seen, the nearest of its structure.

    Attributes:
        model_id: its id.
        distance: doublings away.
        n_models: how many models of this structure were seen.
        scores: its scores by benchmark.
    """

    model_id: str
    distance: float
    n_models: int
    scores: dict[str, float]


def intervals(predictor: Predictor, benchmark: str, x: np.ndarray) -> np.ndarray:
    """Return expected score, low and high of each row, shape (rows, 3)."""
    expected = predictor.forests[benchmark].predict(x)
    half = predictor.fitted[benchmark].half_width
    return np.clip(np.stack([expected, expected - half, expected + half], axis=1), 0.0, 100.0)


def seen_on(predictor: Predictor, leaderboard: str) -> np.ndarray:
    """Tell which models have a score on a leaderboard, shape (models,)."""
    columns = [one.leaderboard == leaderboard for one in predictor.fitted.values()]
    return ~np.isnan(predictor.scores[:, columns]).all(axis=1)


def lies(predictor: Predictor, leaderboard: str, row: np.ndarray) -> Outside:
    """Compare a structure with those that a leaderboard has scored."""
    seen = predictor.x[seen_on(predictor, leaderboard)]
    return outside(row, seen, predictor.spacing[leaderboard], predictor.features)


def neighbours(predictor: Predictor, row: np.ndarray, own: str | None = None) -> list[Neighbour]:
    """List the nearest structures, each by a model of it: its own, an official one, the oldest."""
    apart = distances(row[None], predictor.x, predictor.features)[0]
    structure = structures(predictor.x, predictor.features)
    age = predictor.x[:, predictor.features.index("date")]
    apart = np.where(np.isnan(apart), np.inf, np.round(apart, 6))
    is_other = predictor.model_ids != own
    order = np.lexsort((predictor.model_ids, age, ~predictor.is_official, is_other, apart))
    nearest = order[np.sort(np.unique(structure[order], return_index=True)[1])][:N_NEIGHBOURS]
    names = list(predictor.fitted)
    return [
        Neighbour(
            str(predictor.model_ids[one]),
            float(apart[one]),
            int((structure == structure[one]).sum()),
            {
                name: float(score)
                for name, score in zip(names, predictor.scores[one], strict=True)
                if not np.isnan(score)
            },
        )
        for one in nearest
    ]


def sentence(leaderboard: str, found: Outside) -> str:
    """Say plainly how a structure lies to what a leaderboard has scored."""
    parts = []
    for name, (value, low, high) in found.beyond.items():
        shown = [_day(one) if name == "date" else f"{one:,.4g}" for one in (value, low, high)]
        parts.append(f"{name} {shown[0]} is outside {shown[1]} to {shown[2]}")
    near = "the very structure was seen"
    if np.isnan(found.distance):
        near = "nothing of it can be compared"
    elif found.distance > 0.005:
        near = (
            f"the nearest structure is {found.distance:.2f} doublings away, farther than "
            f"{found.farther_than:.0%} of the seen ones lie from each other"
        )
    verdict = "inside what was seen"
    if found.is_outside:
        verdict = "OUTSIDE what was seen, so the intervals promise nothing here"
    return f"{leaderboard}: {verdict}. " + "; ".join([*parts, near]).capitalize() + "."


def forecast(predictor: Predictor, subject: Subject) -> dict[str, Any]:
    """Return everything that is said of a structure, ready for JSON; unknown values are None."""
    row = subject.row(predictor.features)
    boards = {board: lies(predictor, board, row) for board in predictor.spacing}
    scores = {}
    for name, one in predictor.fitted.items():
        expected, low, high = (round(float(v), 3) for v in intervals(predictor, name, row[None])[0])
        scores[name] = {
            "leaderboard": one.leaderboard,
            "expected": expected,
            "low": low,
            "high": high,
            "coverage": _known(one.coverage),
            "coverage_low": _known(one.coverage_low),
            "coverage_high": _known(one.coverage_high),
            "n": one.n,
            "n_groups": one.n_groups,
        }
    return {
        "model": subject.name,
        "model_id": subject.model_id,
        "is_trained_on": subject.model_id in set(predictor.model_ids.tolist()),
        "features": {
            name: str(subject.date) if name == "date" else _known(value)
            for name, value in zip(predictor.features, row.tolist(), strict=True)
        },
        "level": predictor.level,
        "scores": scores,
        "missing_benchmarks": predictor.gaps,
        "outside": {
            board: {
                "is_outside": found.is_outside,
                "distance": _known(found.distance),
                "farther_than": _known(found.farther_than),
                "beyond": {
                    name: {"value": value, "lowest": low, "highest": high}
                    if name != "date"
                    else {"value": _day(value), "lowest": _day(low), "highest": _day(high)}
                    for name, (value, low, high) in found.beyond.items()
                },
                "sentence": sentence(board, found),
            }
            for board, found in boards.items()
        },
        "neighbours": [vars(one) for one in neighbours(predictor, row, subject.model_id)],
        "notes": subject.notes,
        "data_version": predictor.data_version,
        "code_version": predictor.code_version,
    }


def _known(value: float) -> float | None:
    return None if np.isnan(value) else round(value, 6)


def _day(value: float) -> str:
    return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=value))
