"""The few estimators that scikit-learn has not."""

from typing import Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class FamilyMean(RegressorMixin, BaseEstimator):
    """Predict the mean score of a model's base family among the training rows.

    A model of unknown family, or of one that the split kept out of training, gets the mean of all
    training rows. It takes the feature set `family`: one text column, None where unknown.
    """

    def fit(self, x: pd.DataFrame | np.ndarray, y: np.ndarray) -> Self:
        """Remember the mean of each family in `x`, shape (rows, 1), and the mean of all."""
        scores = pd.Series(np.asarray(y, dtype="float64"))
        self.global_mean_ = float(scores.mean())
        self.family_means_ = scores.groupby(_families(x)).mean().to_dict()
        self.n_features_in_ = 1
        return self

    def predict(self, x: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return predicted scores, shape (rows,)."""
        check_is_fitted(self)
        known = _families(x).map(self.family_means_).astype("float64")
        return known.fillna(self.global_mean_).to_numpy()


def _families(x: pd.DataFrame | np.ndarray) -> pd.Series:
    return pd.Series(np.asarray(x, dtype="object")[:, 0])


class KnownColumns(TransformerMixin, BaseEstimator):
    """Drop columns of which no training row knows the value.

    scikit-learn's histogram gradient boosting takes missing values, but fails on such a column.
    """

    def fit(self, x: pd.DataFrame | np.ndarray, y: np.ndarray | None = None) -> Self:
        """Remember which columns of `x` have a known value."""
        self.is_known_ = ~np.isnan(np.asarray(x, dtype="float64")).all(axis=0)
        return self

    def transform(self, x: pd.DataFrame | np.ndarray) -> np.ndarray:
        """Return these columns; a single column of zeros if no training row knew anything."""
        check_is_fitted(self)
        values = np.asarray(x, dtype="float64")
        return values[:, self.is_known_] if self.is_known_.any() else np.zeros((len(values), 1))
