"""The study as data: its parts, and what each fits on a benchmark.

Every random split stands beside its grouped twins and the temporal split, on the same rows and
with the same seeds. `docs/regressions.md` has the times measured.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ml.conformal import REGRESSOR
from ml.names import BENCHMARKS, BIGCODEBENCH, FIRST_LEADERBOARD, INVERSE, OPEN_LLM_V1, TARGETS
from ml.regressors import PAPER, STRONGER, TRIVIAL
from ml.splits import SPLITS
from ml.study import Cell, InverseCell

#: Refits on groups drawn anew behind an interval of impurity importances.
N_DRAWS = 40
FOREST = "random_forest"
#: The stronger regressor of the feature sets: quick, and with all features the best on structures
#: that it never saw of the first leaderboard.
STRONG = "extra_trees"
#: How often a cell is split anew, where that gives other folds: time parts models in one way.
REPEATS = 2
#: How often coverage is measured: which groups are held out together moves it by two points, on
#: BigCodeBench's few groups by three or four, and its mean by little more than half a point.
COVERAGE_REPEATS = {name: 40 if name in BIGCODEBENCH else 10 for name in BENCHMARKS}
#: What takes longest for what it tells is split once: the multi-layer perceptron, histogram
#: gradient boosting, all features together, and the rows with imputed structures, four times as
#: many as the others.
_ONCE = {"mlp", "hist_gradient_boosting", "full", "exact_and_imputed", "temporal"}


def repeats(cell: Cell | InverseCell) -> int:
    """Return how often a cell is split anew."""
    once = {cell.regressor, cell.feature_set, cell.tier, cell.split} & _ONCE
    return 1 if once else REPEATS


@dataclass(frozen=True)
class Task:
    """What a worker does at a time.

    Attributes:
        cell: what to fit; where it makes `draws`, the cell stands for all splits.
        repeats: how often to split anew.
        makes: `scores`, `impurity`, `permutation`, `draws` or `coverage`.
        repeat: number of its first repeat.
    """

    cell: Cell | InverseCell
    repeats: int
    makes: tuple[str, ...]
    repeat: int = 0


@dataclass(frozen=True)
class Part:
    """A part of the study: what it fits on each of its partitions.

    Attributes:
        name: as in `regression_gaps.study` and the asset's key.
        partitions: benchmarks, or the targets of the way back.
        tiers: tiers of rows that it reads.
        tables: landing tables that it may fill, the one that it fills last first.
        tasks: what it does on a partition; a task that takes long comes early.
    """

    name: str
    partitions: tuple[str, ...]
    tiers: tuple[str, ...]
    tables: tuple[str, ...]
    tasks: Callable[[str], list[Task]]

    def input_of(self, partition: str) -> str:
        """Return what `int_regression_inputs` calls the rows that a partition reads."""
        return FIRST_LEADERBOARD if self.name == INVERSE else partition


def _scores(regressor: str, benchmark: str, feature_set: str, tier: str) -> list[Task]:
    cells = [Cell(regressor, benchmark, feature_set, split, tier) for split in SPLITS]
    return [Task(cell, repeats(cell), ("scores",)) for cell in cells]


def _regressors(benchmark: str) -> list[Task]:
    """Every regressor on the key, but the forest, which `importances` looks at more closely."""
    names = dict.fromkeys(("mlp", *STRONGER, *PAPER, *TRIVIAL))
    return [
        task
        for name in names
        if name != FOREST
        for task in _scores(name, benchmark, "family" if name == "family_mean" else "key", "exact")
    ]


def _feature_sets(benchmark: str) -> list[Task]:
    pairs = [(FOREST, name) for name in ("full", "size_date")]
    pairs += [(STRONG, name) for name in ("full", "structure")]
    if benchmark not in BIGCODEBENCH:
        pairs += [(FOREST, name) for name in ("tokens_flops", "key_where_tokens_known")]
    return [task for pair in pairs for task in _scores(pair[0], benchmark, pair[1], "exact")]


def _subsets(benchmark: str) -> list[Task]:
    pairs = [("official", "key"), ("pretrained", "key")]
    if benchmark in OPEN_LLM_V1:
        pairs = [("exact_and_imputed", "key"), ("exact_and_imputed", "structure"), *pairs]
    return [task for tier, name in pairs for task in _scores(FOREST, benchmark, name, tier)]


#: What the paper shows importances of: Figures 7 (key), 8a (structure), 13 (structure and date) and
#: 12a (structure of official providers' models).
_EXPLAINED = (
    ("exact", "key"),
    ("exact", "structure"),
    ("exact", "structure_date"),
    ("official", "structure"),
)


def _importances(benchmark: str) -> list[Task]:
    return [
        task
        for tier, feature_set in _EXPLAINED
        for task in _explained(
            [Cell(FOREST, benchmark, feature_set, split, tier) for split in SPLITS]
        )
    ]


def _inverse(target: str) -> list[Task]:
    """Figure 8b, and 12b of official providers' models."""
    return [
        task
        for tier in ("exact", "official")
        for task in _explained(
            [InverseCell(FOREST, target, "scores", split, tier) for split in SPLITS]
        )
    ]


def _explained(cells: Sequence[Cell | InverseCell]) -> list[Task]:
    """Scores and importances of a forest on each split, and draws for all of them together."""
    drawn = next(cell for cell in cells if cell.split == "grouped_structure")
    makes = ("scores", "impurity", "permutation")
    return [
        Task(drawn, 1, ("draws",)),
        *(Task(cell, repeats(cell), makes) for cell in cells),
    ]


def _coverage(benchmark: str) -> list[Task]:
    cell = Cell(REGRESSOR, benchmark, "key", "grouped_structure", "exact")
    return [Task(cell, 1, ("coverage",), repeat) for repeat in range(COVERAGE_REPEATS[benchmark])]


_SCORES = ("regression_scores", "score_predictions")
_GAPS = ("regression_gaps",)
PARTS = {
    part.name: part
    for part in (
        Part(
            "importances",
            BENCHMARKS,
            ("exact", "official"),
            (*_SCORES, "feature_importances", "feature_effects", *_GAPS),
            _importances,
        ),
        Part("regressors", BENCHMARKS, ("exact",), (*_SCORES, *_GAPS), _regressors),
        Part("feature_sets", BENCHMARKS, ("exact",), (*_SCORES, *_GAPS), _feature_sets),
        Part(
            "subsets",
            BENCHMARKS,
            ("exact_and_imputed", "official", "pretrained"),
            (*_SCORES, *_GAPS),
            _subsets,
        ),
        Part("coverage", BENCHMARKS, ("exact",), ("interval_coverage", *_GAPS), _coverage),
        Part(
            INVERSE,
            TARGETS,
            ("exact", "official"),
            ("inverse_regression_scores", "inverse_feature_importances", *_GAPS),
            _inverse,
        ),
    )
}


def main_job_tasks() -> list[Task]:
    """What the main job fits itself: the paper's forest on the first leaderboard, once."""
    return [
        Task(Cell(FOREST, benchmark, "key", split, "exact"), 1, ("scores", "impurity"))
        for benchmark in OPEN_LLM_V1
        for split in SPLITS
    ]
