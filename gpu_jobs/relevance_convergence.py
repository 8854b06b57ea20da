"""How many items a map of relevance needs: maps of fewer, from what items scored (C.6)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import stats

from gpu_jobs.relevance_statistics import correlation, order, quarter


class Outcomes:
    """What items of one map score in each removal.

    Attributes:
        layers: the removed layers, ascending.
        n_items: number of items.
    """

    def __init__(self, items: pd.DataFrame) -> None:
        """Take rows of `removal_items` of one key."""
        whole = items["layer"].isna()
        names = items.loc[whole, "item"]
        self.n_items = len(names)
        self.layers = np.sort(items.loc[~whole, "layer"].unique()).astype(int)
        self._chance = items.loc[whole, "chance"].to_numpy()
        self._tokens = items.loc[whole, "n_tokens"].to_numpy()

        def table(column: str) -> np.ndarray:
            removed = items[~whole].pivot(index="layer", columns="item", values=column)
            first = items.loc[whole, column].to_numpy()
            return np.vstack([first, removed.sort_index()[names].to_numpy()])

        self._score, self._said = table("score"), table("log_likelihood")

    def relevance(
        self, criterion: str, chosen: Sequence[int] | np.ndarray
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return relevance and ties from some items; None where accuracy is at chance."""
        said = -self._said[:, chosen].sum(axis=1) / self._tokens[chosen].sum()
        ties = said[1:] - said[0]
        if criterion == "perplexity":
            return ties, ties
        score, chance = self._score[:, chosen].mean(axis=1), self._chance[chosen].mean()
        if not score[0] > chance:
            return None
        return 1.0 - np.maximum(score[1:] - chance, 0.0) / (score[0] - chance), ties


def convergence(
    outcomes: Outcomes, criterion: str, sizes: Sequence[int], draws: int, seed: int
) -> pd.DataFrame:
    """Return how far maps from fewer items agree with that of all (the relevance paper, C.6).

    Args:
        outcomes: of all items.
        criterion: `accuracy` or `perplexity`.
        sizes: numbers of items, drawn without replacement.
        draws: of each size.
        seed: of the draws; a larger draw begins with the smaller one.
    """
    whole = outcomes.relevance(criterion, np.arange(outcomes.n_items))
    if whole is None:
        return pd.DataFrame()
    n_quarter = quarter(len(outcomes.layers))
    random = np.random.default_rng(seed)
    orders = [random.permutation(outcomes.n_items) for _ in range(draws)]
    rows = []
    for size in sizes:
        maps = [outcomes.relevance(criterion, drawn[:size]) for drawn in orders]
        known = [one for one in maps if one is not None]
        alike = [correlation(*map(stats.rankdata, (one[0], whole[0]))) for one in known]
        least = [order(*one) for one in known]
        shared = [len({*one[:n_quarter]} & {*order(*whole)[:n_quarter]}) for one in least]
        rows.append(
            {
                "criterion": criterion,
                "n_drawn": size,
                "n_items": outcomes.n_items,
                "n_draws": draws,
                "seed": seed,
                "n_undefined": draws - len(known),
                "spearman": _mean(alike),
                "share_same_least": _mean([one[0] == order(*whole)[0] for one in least]),
                "share_quarter_shared": _mean([one / n_quarter for one in shared]),
            }
        )
    return pd.DataFrame(rows)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if np.isfinite(value)]
    return float(np.mean(known)) if known else float("nan")
