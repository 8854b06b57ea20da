"""What the regressors rely on: impurity and permutation importances, and how stable they are.

Size, width and depth move together. Permuting one of them leaves the others to tell the same, so
that each looks unimportant alone; `BLOCKS` are therefore permuted as a whole too.
"""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from ml.features import TRAINING_TYPES
from ml.measures import N_BOOTSTRAP, draw_groups
from ml.regressors import one_thread
from ml.validation import Fit, Prepared

#: Columns that are permuted together, by the name of their block.
BLOCKS: dict[str, tuple[str, ...]] = {
    "scale": ("size", "d_model", "d_ffn", "layers"),
    "training_type": tuple(f"training_type_{t.replace(' ', '_')}" for t in TRAINING_TYPES),
}


def impurity_importances(model: Any, columns: Iterable[str]) -> np.ndarray | None:
    """Return impurity importances (structure paper, equation 2), summing to 1, or None.

    What a pipeline's missing-value indicator of a feature is worth counts to the feature. None
    where the regressor has no such importances.
    """
    names = list(columns)
    regressor = model[-1] if hasattr(model, "steps") else model
    found = getattr(regressor, "feature_importances_", None)
    if found is None:
        return None
    seen = model[:-1].get_feature_names_out(names) if hasattr(model, "steps") else names
    total = pd.Series(0.0, index=names)
    for name, importance in zip(seen, found, strict=True):
        total[name.removeprefix("missingindicator_")] += float(importance)
    return total.to_numpy()


def impurity_draws(
    prepared: Prepared,
    make: Callable[[int], Any],
    n_draws: int,
    seed: int,
    look: Callable[[Any, pd.DataFrame], None] = lambda model, x: None,
) -> pd.DataFrame:
    """Refit on whole groups drawn with replacement; one row of importances a draw.

    Args:
        prepared: rows, features and groups.
        make: takes a seed, returns an unfitted regressor.
        n_draws: how often to refit.
        seed: seed of the draws; the regressors' are counted up from it.
        look: called with each model and the features that it was fitted on.

    Raises:
        ValueError: the regressor has no impurity importances.
    """
    codes, uniques = pd.factorize(prepared.bootstrap_groups, sort=True)
    drawn = []
    for number, counts in enumerate(draw_groups(len(uniques), seed, n_draws)):
        rows = np.repeat(np.arange(len(codes)), counts[codes])
        with one_thread():
            model = make(seed + number).fit(prepared.x.iloc[rows], prepared.y[rows])
        importances = impurity_importances(model, prepared.x.columns)
        if importances is None:
            raise ValueError(f"{type(model).__name__} has no impurity importances.")
        drawn.append(importances)
        look(model, prepared.x.iloc[rows])
    return pd.DataFrame(drawn, columns=prepared.x.columns)


def permutation_draws(
    prepared: Prepared,
    fitted: Iterable[Fit],
    n_permutations: int = 5,
    n_draws: int = N_BOOTSTRAP,
) -> pd.DataFrame:
    """Permute features of held-out rows, and blocks of them, and see by how much R² falls.

    The importance is the rise of the squared error over Σ(y − mean y)², both summed over all
    held-out rows of a repeat, mean of `n_permutations` permutations a fold and of all repeats: the
    fall of R² (equation 1). It is about 0 for a feature that nothing rests on.

    Returns:
        One column a feature, then one a block, `block:` before its name; row 0 is the estimate,
        the others are bootstrap draws of whole groups.
    """
    blocks = {str(name): [str(name)] for name in prepared.x.columns}
    for name, block in BLOCKS.items():
        present = [member for member in block if member in blocks]
        if len(present) > 1:
            blocks[f"block:{name}"] = present
    codes, uniques = pd.factorize(prepared.bootstrap_groups, sort=True)
    rise = np.zeros((len(uniques), len(blocks)))
    moments = np.zeros((len(uniques), 3))
    for fit in fitted:
        y, group = fit.y_held_out, codes[fit.fold.held_out]
        error = (y - fit.predicted) ** 2
        generator = np.random.default_rng([fit.fold.seed, fit.fold.number])
        # The repeats share their models, so that sums over repeats are the mean's numerator too.
        np.add.at(moments, group, np.stack([np.ones_like(y), y, y**2], axis=1))
        orders = [generator.permutation(len(y)) for _ in range(n_permutations)]
        # One call for all of them: a forest takes longer to start than to predict.
        x = fit.x_held_out
        permuted = np.tile(x, (len(blocks), n_permutations, 1, 1))
        for number, names in enumerate(blocks.values()):
            is_member = np.isin(prepared.x.columns, names)
            for rows, order in zip(permuted[number], orders, strict=True):
                rows[:, is_member] = rows[order][:, is_member]
        with one_thread():
            predicted = fit.model.predict(permuted.reshape(-1, x.shape[1]))
        predicted = predicted.reshape(len(blocks), n_permutations, len(y))
        change = ((y - predicted) ** 2 - error).mean(axis=1)
        np.add.at(rise, group, change.T)
    counts = np.vstack(
        [np.ones(len(uniques)), draw_groups(len(uniques), prepared.cell.seed, n_draws)]
    )
    n, total, squares = (counts @ moments).T
    spread = squares - total**2 / n
    spread[spread <= 1e-9 * squares] = np.nan
    return pd.DataFrame(counts @ rise / spread[:, None], columns=list(blocks))


def summarise(estimate: pd.Series, draws: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return one row a feature: `importance`, its 95 % interval, and the kind's rank agreement.

    Blocks get the kind `<kind>_block`; ranks are compared among single features and among draws.
    """
    single = [name for name in draws.columns if not str(name).startswith("block:")]
    agreement = kendall_w(draws[single].dropna().to_numpy())
    table = pd.DataFrame(
        {
            "feature": [str(name).removeprefix("block:") for name in draws.columns],
            "kind": [kind if name in single else f"{kind}_block" for name in draws.columns],
            "importance": estimate[draws.columns].to_numpy(),
            "importance_low": draws.quantile(0.025).to_numpy(),
            "importance_high": draws.quantile(0.975).to_numpy(),
        }
    )
    return table.assign(rank_agreement=agreement)


def kendall_w(values: np.ndarray) -> float:
    """Return Kendall's W, corrected for ties: 1 if all rows rank the columns alike, 0 if by chance.

    The mean Spearman correlation between two rows is (m W − 1) / (m − 1), m the number of rows. It
    is NaN for fewer than two rows or columns, and where every row is tied throughout.
    """
    m, n = values.shape
    if m < 2 or n < 2:
        return float("nan")
    ranks = rankdata(values, axis=1)
    centre = (n + 1) / 2
    # The largest that m rows which all rank alike could reach, less with ties.
    possible = m * float(np.sum((ranks - centre) ** 2))
    deviations = float(np.sum((ranks.sum(axis=0) - m * centre) ** 2))
    return deviations / possible if possible > 0 else float("nan")
