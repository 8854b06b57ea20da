"""Forests of scikit-learn's regression trees, grown on distinct rows.

Fine-tunes share the structure of their base model, so that half of the rows that train the paper's
forest, and nine in ten where structure alone is known, are copies of other rows. A tree can never
tell copies apart: to it they are one row of their number and mean. scikit-learn's forests also
spend more than a millisecond of Python a tree, as long as such a tree takes to grow. Without either
this one takes a fifth to a half of the time (`python -m benchmarks.forest`).
"""

from typing import Literal, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.tree._criterion import MSE
from sklearn.tree._splitter import BestSplitter, RandomSplitter
from sklearn.tree._tree import DepthFirstTreeBuilder, Tree
from sklearn.utils.validation import check_is_fitted

_SPLITTERS = {"best": BestSplitter, "random": RandomSplitter}
#: Depth that no tree reaches: what scikit-learn takes None for.
_UNLIMITED = np.iinfo(np.int32).max


class Forest(RegressorMixin, BaseEstimator):
    """The mean of regression trees of unlimited depth, as scikit-learn grows them.

    With `splitter="best"` and `bootstrap=True` it is `RandomForestRegressor`, with `"random"` and
    `False` it is `ExtraTreesRegressor`, each with its defaults: the same bootstrap samples, and the
    same trees bit by bit where no two rows are equal. Where some are, other random numbers meet a
    node, so that another of several equally good splits may be taken, or another threshold drawn;
    and a value that is unknown where training knew all goes to the side of more distinct rows.

    Given groups, each tree draws whole groups with replacement in place of rows, and a group weighs
    the same however many rows it has (the bootstrap of clusters).

    Attributes:
        trees_: the trees, scikit-learn's own kind.
        oob_prediction_: given groups, each row's mean over the trees that did not draw its group,
            shape (rows,); NaN where all did.
        feature_importances_: mean decrease of impurity (structure paper, equation 2), summing to 1.
    """

    def __init__(
        self,
        n_estimators: int = 100,
        *,
        splitter: Literal["best", "random"] = "best",
        bootstrap: bool = True,
        max_depth: int | None = None,
        random_state: int = 0,
    ) -> None:
        self.n_estimators = n_estimators
        self.splitter = splitter
        self.bootstrap = bootstrap
        self.max_depth = max_depth
        self.random_state = random_state

    def fit(
        self,
        x: pd.DataFrame | np.ndarray,
        y: np.ndarray,
        groups: pd.Series | np.ndarray | None = None,
    ) -> Self:
        """Grow trees.

        Args:
            x: features, shape (rows, features), unknown ones NaN.
            y: scores, shape (rows,).
            groups: group of each row, shape (rows,); None draws rows.

        Raises:
            ValueError: there is no row, or a score or feature is not finite.
        """
        values, y = _values(x), np.asarray(y, dtype="float64")
        if not len(y) or not np.isfinite(y).all() or np.isinf(values).any():
            raise ValueError("A forest needs rows, finite scores, and finite or unknown features.")
        distinct, inverse = _distinct(values)
        # What is drawn: rows, each of weight 1, or groups, each of weight 1 in all.
        unit = np.arange(len(y)) if groups is None else pd.factorize(np.asarray(groups))[0]
        size = np.bincount(unit)
        share = 1 / size[unit]
        is_unknown = np.isnan(distinct).any(axis=0)
        unknown = is_unknown.astype("uint8") if is_unknown.any() else None
        n_out, total = np.zeros(len(y)), np.zeros(len(y))
        self.trees_ = []
        generator = np.random.RandomState(self.random_state)
        weight, merged = share, _merged(inverse, share, y)
        for seed in generator.randint(np.iinfo(np.int32).max, size=self.n_estimators):
            # Seeding anew is twenty times faster than another generator.
            generator.seed(seed)
            if self.bootstrap:
                drawn = generator.randint(0, len(size), len(size), dtype="int32")
                weight = share * np.bincount(drawn, minlength=len(size))[unit]
                merged = _merged(inverse, weight, y)
                generator.seed(seed)
            tree = self._grow(distinct, *merged, unknown, generator)
            self.trees_.append(tree)
            if groups is not None:
                is_out = weight == 0
                n_out += is_out
                total[is_out] += tree.predict(values[is_out]).ravel()
        if groups is not None:
            self.oob_prediction_ = np.full(len(y), np.nan)
            np.divide(total, n_out, out=self.oob_prediction_, where=n_out > 0)
        self.n_features_in_ = values.shape[1]
        return self

    def _grow(
        self,
        x: np.ndarray,
        weight: np.ndarray,
        y: np.ndarray,
        unknown: np.ndarray | None,
        generator: np.random.RandomState,
    ) -> Tree:
        """Grow one tree on distinct rows; `unknown` marks the features that some do not know."""
        n_rows, n_features = x.shape
        depth = _UNLIMITED if self.max_depth is None else self.max_depth
        splitter = _SPLITTERS[self.splitter](MSE(1, n_rows), n_features, 1, 0.0, generator, None)
        tree = Tree(n_features, np.ones(1, dtype="intp"), 1)
        builder = DepthFirstTreeBuilder(splitter, 2, 1, 0.0, depth, 0.0)
        builder.build(tree, x, y[:, None], weight, unknown)
        return tree

    def predict(self, x: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return predicted scores, shape (rows,)."""
        check_is_fitted(self)
        distinct, inverse = _distinct(_values(x))
        total = np.zeros(len(distinct))
        for tree in self.trees_:
            total += tree.predict(distinct).reshape(len(distinct))
        return (total / len(self.trees_))[inverse]

    @property
    def feature_importances_(self) -> np.ndarray:
        """Mean over trees that split at all; zeros if none does."""
        check_is_fitted(self)
        grown = [tree for tree in self.trees_ if tree.node_count > 1]
        if not grown:
            return np.zeros(self.n_features_in_)
        mean = np.mean([tree.compute_feature_importances() for tree in grown], axis=0)
        return mean / mean.sum() if mean.sum() > 0 else mean


def _merged(
    inverse: np.ndarray, weight: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the weight of each distinct row, and the mean score of the rows that it stands for."""
    merged = np.bincount(inverse, weights=weight)
    mean = np.bincount(inverse, weights=weight * y)
    np.divide(mean, merged, out=mean, where=merged > 0)
    return merged, mean


def _values(x: pd.DataFrame | np.ndarray) -> np.ndarray:
    """Trees compare numbers of single precision."""
    return np.ascontiguousarray(np.asarray(x, dtype="float64").astype("float32"))


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return distinct rows in the order of their first appearance, and the number of each row's."""
    # As one run of bytes a row: equal rows are equal bytes, unknown values among them.
    rows = values.view(np.dtype((np.void, values.strides[0]))).ravel()
    _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    return values[first[order]], number[inverse]
