"""Statistics over maps of relevance: do tasks, criteria and numbers of items tell the same.

Maps are frames with a row a layer: `model`, `task`, `criterion`, `layer`, `relevance`, `tie`,
`score`, `score_without`, `n_layers`.
"""

from collections.abc import Iterator
from itertools import permutations

import numpy as np
import pandas as pd
from scipy import stats

#: Criterion that others are held against.
REFERENCE = "accuracy"
#: Ranks that differ by no more are near.
NEAR = 2


def order(values: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """Return places of layers, the least relevant first, as paths remove them."""
    return np.lexsort((-np.arange(len(values)), ties, values))


def quarter(n_layers: int) -> int:
    """Return how many layers pruning a quarter in one shot removes."""
    return max(1, round(0.25 * n_layers))


def middle(maps: pd.DataFrame) -> pd.DataFrame:
    """Leave out the first two and the last two layers, which stand out by any measure."""
    return maps[maps["layer"].between(2, maps["n_layers"] - 3)]


def variances(maps: pd.DataFrame) -> pd.DataFrame:
    """Return each layer's variance over tasks, by each criterion and by accuracy (C.2).

    Values are z-scores over all layers and tasks of a model and criterion. The tasks are those that
    both criteria have; of fewer than two there is no variance.
    """
    found = []
    for model, mine in maps.groupby("model"):
        tables = {
            str(criterion): one.pivot(index="task", columns="layer", values="relevance")
            for criterion, one in mine.groupby("criterion")
        }
        for criterion in sorted(set(tables) - {REFERENCE}):
            tasks = tables[criterion].index.intersection(
                tables[REFERENCE].index if REFERENCE in tables else []
            )
            if len(tasks) < 2:
                continue
            spread = [
                stats.zscore(tables[name].loc[tasks].to_numpy(), axis=None).var(axis=0, ddof=1)
                for name in (criterion, REFERENCE)
            ]
            found.append(
                pd.DataFrame(
                    {
                        "model": model,
                        "criterion": criterion,
                        "layer": tables[criterion].columns.to_numpy(),
                        "variance": spread[0],
                        "variance_by_accuracy": spread[1],
                        "n_tasks": len(tasks),
                    }
                )
            )
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame()


def compared_variances(found: pd.DataFrame) -> pd.DataFrame:
    """Hold each criterion's variances against those by accuracy, layer by layer (Figure 5, C.3).

    Wilcoxon's signed-rank test, two-sided; exact for up to 50 layers without ties.
    """
    rows = []
    for (model, criterion), one in found.groupby(["model", "criterion"]):
        tested = stats.wilcoxon(one["variance_by_accuracy"], one["variance"])
        rows.append(
            {
                "model": model,
                "criterion": criterion,
                "n_layers": len(one),
                "n_tasks": int(one["n_tasks"].iloc[0]),
                "mean_variance": one["variance"].mean(),
                "sd_variance": one["variance"].std(),
                "mean_variance_by_accuracy": one["variance_by_accuracy"].mean(),
                "sd_variance_by_accuracy": one["variance_by_accuracy"].std(),
                "w": float(tested.statistic),
                "p": float(tested.pvalue),
            }
        )
    return pd.DataFrame(rows)


def task_relations(maps: pd.DataFrame) -> pd.DataFrame:
    """Return how alike the maps of each two tasks are, by each criterion; both orders of a pair."""
    rows = []
    for (model, criterion), mine in maps.groupby(["model", "criterion"]):
        tasks = {task: one.sort_values("layer").reset_index() for task, one in mine.groupby("task")}
        for one, other in permutations(tasks, 2):
            a, b = tasks[one], tasks[other]
            values = a["relevance"].to_numpy(), b["relevance"].to_numpy()
            least = [
                set(order(v, t["tie"].to_numpy())[: quarter(len(t))])
                for v, t in zip(values, (a, b), strict=True)
            ]
            rows.append(
                {
                    "model": model,
                    "criterion": criterion,
                    "task": one,
                    "other_task": other,
                    "n_layers": len(a),
                    "pearson": correlation(*values),
                    "spearman": correlation(*map(stats.rankdata, values)),
                    "n_quarter": quarter(len(a)),
                    "n_quarter_shared": len(least[0] & least[1]),
                }
            )
    return pd.DataFrame(rows)


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Return Pearson's correlation; nan where all values of one are equal."""
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])


def rankings(maps: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield model, criterion and ranks by it and by accuracy of each task's middle layers."""
    ranked = []
    for _, one in middle(maps).groupby(["model", "task", "criterion"]):
        places = order(one["relevance"].to_numpy(), one["tie"].to_numpy())
        ranks = np.empty(len(one), dtype=int)
        ranks[places] = np.arange(1, len(one) + 1)
        ranked.append(one.assign(rank=ranks))
    if not ranked:
        return
    whole = pd.concat(ranked)
    reference = whole[whole["criterion"] == REFERENCE]
    for criterion in sorted(set(whole["criterion"]) - {REFERENCE}):
        mine = whole[whole["criterion"] == criterion].drop(columns=["score", "score_without"])
        both = mine.merge(
            reference[["model", "task", "layer", "rank", "score", "score_without"]],
            on=["model", "task", "layer"],
            suffixes=("", "_by_reference"),
        )
        for model, found in both.groupby("model"):
            yield str(model), criterion, found


def rank_agreement(maps: pd.DataFrame) -> pd.DataFrame:
    """Return how well criteria tell what removals cost, over all tasks of a model (Figure 3)."""
    rows = []
    for model, criterion, found in rankings(maps):
        away = (found["rank"] - found["rank_by_reference"]).abs()
        change = (found["score_without"] - found["score"]).to_numpy()
        rows.append(
            {
                "model": model,
                "criterion": criterion,
                "n_tasks": found["task"].nunique(),
                "n_points": len(found),
                "pearson": correlation(found["relevance"].to_numpy(), change),
                "share_misranked": float((away > 0).mean()),
                "share_far": float((away > NEAR).mean()),
            }
        )
    return pd.DataFrame(rows)


def confusion_counts(found: pd.DataFrame) -> np.ndarray:
    """Return how often a layer has each pair of ranks, shape (reference ranks, ranks)."""
    size = int(found[["rank", "rank_by_reference"]].to_numpy().max())
    counts = np.zeros((size, size), dtype=int)
    np.add.at(counts, (found["rank_by_reference"] - 1, found["rank"] - 1), 1)
    return counts
