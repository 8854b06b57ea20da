"""Paths of removals of one model and what is left of its scores after each step."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from gpu_jobs import paths
from gpu_jobs.intervals import mean_interval
from gpu_jobs.items import ItemSet
from gpu_jobs.relevance_rows import PRUNING_PATHS
from gpu_jobs.relevance_study import COMPUTING, Calibration, Study
from modelstrata.landing_schema import HEALING_COLUMNS

_PATHS = (*COMPUTING, "intervals.py", "paths.py", "pruning_paths.py")


def follow(
    study: Study,
    calibration: Calibration | None,
    criterion: str,
    kind: str,
    tests: Sequence[ItemSet],
    seed: int | None = None,
) -> list[dict[str, Any]]:
    """Find a path and score the model after each of its steps; return rows of `PRUNING_PATHS`.

    Args:
        study: the model and its results.
        calibration: what the path is found on; None for random paths.
        criterion: of relevance; `random` for random paths.
        kind: `iterative`, `one_shot`, `block`, `beam` or `random`.
        tests: what is scored.
        seed: of a random path.

    Raises:
        TaskError: the accuracy is undefined, since the model is at chance.
    """
    if kind == "block" and calibration is not None:
        # Blocks of different lengths need not begin alike.
        distances = study.distances(calibration)
        steps = [
            paths.block(distances, step + 1)
            for step in range(paths.n_steps(study.args.share, study.n_layers))
        ]
    else:
        path = _find(study, calibration, criterion, kind, seed)
        steps = [path[: step + 1] for step in range(len(path))]
    rows = []
    for items in tests:
        before = study.scores(items, ())
        for removed in steps:
            after = study.scores(items, removed)
            rows.append(
                _row(study, calibration, criterion, kind, seed, items, removed, before, after)
            )
    return rows


def _find(
    study: Study, calibration: Calibration | None, criterion: str, kind: str, seed: int | None
) -> paths.Path:
    n_layers = study.n_layers
    steps = paths.n_steps(study.args.share, n_layers)
    if calibration is None:
        return paths.at_random(n_layers, steps, int(seed or 0))

    def measure(path: paths.Path) -> Any:
        return study.relevance(calibration, criterion, path, study.is_lazy(criterion, kind))

    if kind == "beam":

        def score(path: paths.Path) -> float:
            found = study.scores(calibration.items, path)
            right = float(np.mean([row["score"] for row in found]))
            # Of equal accuracies the likelier answers decide, as in a single step.
            said = float(np.mean([row["log_likelihood"] for row in found]))
            return right + 1e-6 * said

        return paths.beam(n_layers, steps, measure, score, study.args.beam_width)
    finder = {"iterative": paths.iterative, "one_shot": paths.one_shot}[kind]
    return finder(n_layers, steps, measure)


def _row(
    study: Study,
    calibration: Calibration | None,
    criterion: str,
    kind: str,
    seed: int | None,
    items: ItemSet,
    removed: paths.Path,
    before: Sequence[dict[str, Any]],
    after: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    subjects = [row["item"].split(":")[0] for row in before]
    pairs = zip(before, after, strict=True)
    change = mean_interval(
        [two["score"] - one["score"] for one, two in pairs], subjects, (-100.0, 100.0)
    )
    whole = mean_interval([row["score"] for row in before], subjects, (0.0, 100.0))
    races = calibration is not None and calibration.races(criterion)
    method = "racing" if races else "lazy" if study.is_lazy(criterion, kind) else "exact"
    chosen = {
        "calibration": calibration.items.name if calibration else None,
        "calibration_items": len(calibration.items.items) if calibration else None,
        "calibration_seed": study.args.seed if calibration else None,
        "calibration_split": calibration.items.split if calibration else None,
        "calibration_sha256": calibration.items.sha256 if calibration else None,
        "criterion": criterion,
        "path": kind,
        "path_seed": seed,
        "beam_width": study.args.beam_width if kind == "beam" else None,
        "packed": calibration.packed if calibration and criterion == "cosine" else None,
        "method": method,
        "error_rate": calibration.error_rate if calibration and races else None,
        "n_layers": study.n_layers,
        "unit": study.args.unit,
        "step": len(removed),
        "layer": removed[-1],
        "removed_layers": " ".join(map(str, sorted(removed))),
        "removal_order": " ".join(map(str, removed)),
        "task": items.name,
        "split": items.split,
        "protocol": study.args.protocol,
        "n_items": len(items.items),
        "healed": False,
    }
    made = study.made("pruning_paths", chosen, items.sha256, _PATHS)
    row = {
        **{name: value for name, value in made.items() if name in PRUNING_PATHS},
        **dict.fromkeys(HEALING_COLUMNS),
        "computed_at": datetime.now(UTC),
        "chance": 100.0 * items.chance,
        "before": whole.mean,
        "before_low": whole.low,
        "before_high": whole.high,
        "after": whole.mean + change.mean,
        "difference": change.mean,
        "difference_low": change.low,
        "difference_high": change.high,
    }
    if not study.store.is_done("pruning_paths", made["result_key"]):
        study.store.write("pruning_paths", made["result_key"], [row], PRUNING_PATHS)
    return study.read("pruning_paths", made)[0]
