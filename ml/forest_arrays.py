"""A fitted forest as plain arrays, and its predictions with NumPy alone.

scikit-learn takes longer to import than an answer may take, and its own files are pickles, which
run what they hold. Five numbers a node say all there is to say of a regression tree.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from modelstrata.errors import PredictorError

#: Name and type of each array; all but `root` hold one number a node, trees behind each other.
ARRAYS = {
    "root": "int32",
    "feature": "int16",
    "threshold": "float64",
    "left": "int32",
    "right": "int32",
    "missing_left": "bool",
    "value": "float64",
}
_LEAF = -1


@dataclass(frozen=True)
class ForestArrays:
    """Trees whose mean is the prediction.

    Attributes:
        root: node that each tree begins at, shape (trees,).
        feature: column that a node splits, -1 in a leaf; this and the rest have shape (nodes,).
        threshold: rows at or below it go left.
        left: the node that follows on the left.
        right: the node that follows on the right.
        missing_left: whether a row whose value is unknown goes left.
        value: mean score of the training rows in a node.
    """

    root: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the mean over trees; `x` of shape (rows, features), unknown values NaN."""
        # scikit-learn compares single-precision values with double-precision thresholds.
        x = x.astype("float32").astype("float64")
        node = np.repeat(self.root[None, :], len(x), axis=0)
        row = np.arange(len(x))[:, None]
        while True:
            feature = self.feature[node]
            is_inner = feature != _LEAF
            if not is_inner.any():
                return self.value[node].mean(axis=1)
            value = x[row, np.maximum(feature, 0)]
            goes_left = np.where(
                np.isnan(value), self.missing_left[node], value <= self.threshold[node]
            )
            following = np.where(goes_left, self.left[node], self.right[node])
            node = np.where(is_inner, following, node)

    def check(self, n_features: int, name: str) -> None:
        """Make sure that every walk through the trees ends, and at a known place.

        Raises:
            PredictorError: an array has another type or length, or points at no node.
        """
        n_nodes = len(self.value)
        nodes = np.arange(n_nodes)
        is_inner = self.feature != _LEAF
        for array, kind in ARRAYS.items():
            found = getattr(self, array)
            if found.dtype != kind or found.shape != (
                len(self.root) if array == "root" else n_nodes,
            ):
                raise PredictorError(
                    f"The array {name}/{array} is {found.dtype} of shape {found.shape}, as in no "
                    "forest: fit the predictor anew (`python -m ml.predictor --force`)."
                )
        # Children stand behind their parents, so that no walk goes round in circles.
        children = np.stack([self.left, self.right])[:, is_inner]
        if (
            not len(self.root)
            or not ((self.root >= 0) & (self.root < n_nodes)).all()
            or not ((self.feature >= _LEAF) & (self.feature < n_features)).all()
            or not ((children > nodes[is_inner]) & (children < n_nodes)).all()
            or not np.isfinite(self.value).all()
        ):
            raise PredictorError(
                f"The trees of {name} point outside themselves: the file is damaged. Fit the "
                "predictor anew (`python -m ml.predictor --force`)."
            )


def forest_arrays(forest: Any) -> ForestArrays:
    """Return the arrays of a fitted `ml.forest.Forest`."""
    trees = forest.trees_
    start = np.cumsum([0, *(tree.node_count for tree in trees)])[:-1]
    moved = list(zip(trees, start, strict=True))
    parts = {
        "root": start,
        "feature": np.concatenate(
            [np.where(tree.children_left < 0, _LEAF, tree.feature) for tree in trees]
        ),
        "threshold": np.concatenate([tree.threshold for tree in trees]),
        "left": np.concatenate([tree.children_left + first for tree, first in moved]),
        "right": np.concatenate([tree.children_right + first for tree, first in moved]),
        "missing_left": np.concatenate([tree.missing_go_to_left for tree in trees]),
        "value": np.concatenate([tree.value[:, 0, 0] for tree in trees]),
    }
    return ForestArrays(**{name: parts[name].astype(kind) for name, kind in ARRAYS.items()})
