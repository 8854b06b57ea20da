"""Paths of removals of one model and what is left of its scores after each step."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from gpu_jobs import paths
from gpu_jobs.calibration import COMPUTING, Calibration
from gpu_jobs.errors import TaskError
from gpu_jobs.healing_study import Healer
from gpu_jobs.intervals import mean_interval
from gpu_jobs.items import ItemSet
from gpu_jobs.relevance_rows import PRUNING_PATHS
from gpu_jobs.relevance_study import Study
from modelstrata.landing_schema import HEALING_COLUMNS

_PATHS = (*COMPUTING, "intervals.py", "paths.py", "pruning_paths.py")

#: Rows of `ITEM_SCORES` or of `HEALED_SCORES`.
Scores = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class Search:
    """How a path is found.

    Attributes:
        calibration: what it is found on; None for random paths.
        criterion: of relevance; `random` for random paths.
        kind: `iterative`, `one_shot`, `block`, `beam` or `random`.
        seed: of a random path.
    """

    calibration: Calibration | None
    criterion: str
    kind: str
    seed: int | None = None


def follow(
    study: Study, search: Search, tests: Sequence[ItemSet], healer: Healer | None = None
) -> list[dict[str, Any]]:
    """Find a path and score the model after its steps; return rows of `PRUNING_PATHS`.

    A step is filed before the next one is looked for, where that does not depend on later ones. If
    only ends are asked for, it is the last step that is scored, and those that are healed. A path
    that falls to chance, where accuracy no longer tells layers apart, ends there and says so.

    Args:
        study: the model and its results.
        search: how the path is found.
        tests: what is scored.
        healer: heals the pruned model at some of the steps, which gives a second row there.

    Raises:
        TaskError: the accuracy is undefined, since the model is at chance.
    """
    rows = []
    whole = [study.scores(items, ()) for items in tests]
    last = paths.n_steps(study.args.share, study.n_layers)

    def score(removed: paths.Path, heals: bool) -> None:
        for items, before in zip(tests, whole, strict=True):
            after = study.scores(items, removed)
            rows.append(_row(study, search, items, removed, before, after))
            if healer and heals:
                healed = healer.scores(items, removed)
                if healed:
                    rows.append(_row(study, search, items, removed, before, healed))

    for removed in _removals(study, search):
        heals = healer is not None and len(removed) in healer.steps
        if study.args.scored == "steps" or len(removed) == last or heals:
            score(removed, heals)
    if not rows or rows[-1]["step"] < len(removed):
        score(removed, heals=False)
    return rows


def _removals(study: Study, search: Search) -> Iterator[paths.Path]:
    """Yield the removed layers, in their order, after each step of a path."""
    n_layers = study.n_layers
    steps = paths.n_steps(study.args.share, n_layers)
    calibration = search.calibration
    path: paths.Path = ()
    if calibration is None:
        path = paths.at_random(n_layers, steps, int(search.seed or 0))
    elif search.kind == "block":
        # Blocks of different lengths need not begin alike.
        distances = study.distances(calibration)
        yield from (paths.block(distances, step + 1) for step in range(steps))
        return
    else:
        found = calibration

        lazy = study.is_lazy(search.criterion, search.kind)

        def measure(path: paths.Path) -> Any:
            return study.relevance(found, search.criterion, path, lazy)

        if search.kind == "iterative":
            while len(path) < steps:
                try:
                    path = paths.iterative(n_layers, len(path) + 1, measure, path)
                except TaskError as error:
                    if not path:
                        raise
                    study.say(
                        f"The path by {search.criterion} ends after {len(path)} of {steps}: {error}"
                    )
                    return
                yield path
            return
        if search.kind == "one_shot":
            path = paths.one_shot(n_layers, steps, measure)
        else:
            width = study.args.beam_width
            path = paths.beam(n_layers, steps, measure, _kept(study, found), width)
    yield from (path[: step + 1] for step in range(steps))


def _kept(study: Study, calibration: Calibration) -> Callable[[paths.Path], tuple[float, float]]:
    """Return what compares sets of removed layers in a beam: the accuracy that is left.

    Of equal accuracies the likelier answers decide, as in a single step. The maps that the
    removals of a path were chosen from hold both.
    """

    def score(path: paths.Path) -> tuple[float, float]:
        said, right = 0.0, 0.0
        for step, layer in enumerate(path):
            rows = study.rows(calibration, "accuracy", path[:step])
            row = next(row for row in rows if row["layer"] == layer)
            # What this removal adds to the loss: together, all that was lost.
            said -= row["tie"]
            right = row["score_without"]
        return right, said

    return score


def _searched(study: Study, search: Search) -> dict[str, Any]:
    """Return the columns that tell paths of one model apart."""
    found = search.calibration
    # Only the accuracy is raced for, and only cosines are over packed items.
    raced = found if found and found.races(search.criterion) else None
    lazy = study.is_lazy(search.criterion, search.kind)
    return {
        "calibration": found.items.name if found else None,
        "calibration_split": found.items.split if found else None,
        "calibration_items": len(found.items.items) if found else None,
        "calibration_seed": study.args.seed if found else None,
        "calibration_sha256": found.items.sha256 if found else None,
        "criterion": search.criterion,
        "packed": found.packed if found and search.criterion == "cosine" else None,
        "path": search.kind,
        "path_seed": search.seed,
        "beam_width": study.args.beam_width if search.kind == "beam" else None,
        "method": "lazy" if lazy else raced.method if raced else "exact",
        "error_rate": raced.error_rate if raced else None,
    }


def _row(
    study: Study,
    search: Search,
    items: ItemSet,
    removed: paths.Path,
    before: Scores,
    after: Scores,
) -> dict[str, Any]:
    subjects = [row["item"].split(":")[0] for row in before]
    pairs = zip(before, after, strict=True)
    change = mean_interval(
        [two["score"] - one["score"] for one, two in pairs], subjects, (-100.0, 100.0)
    )
    whole = mean_interval([row["score"] for row in before], subjects, (0.0, 100.0))
    healed = "healing" in after[0]
    chosen = {
        **_searched(study, search),
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
        "healed": healed,
        # Covers all that decides the healed scores.
        "healed_scores": after[0]["result_key"] if healed else None,
    }
    made = study.made("pruning_paths", chosen, items.sha256, _PATHS)
    row = {
        **{name: value for name, value in made.items() if name in PRUNING_PATHS},
        **{name: after[0].get(name) for name in HEALING_COLUMNS},
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
