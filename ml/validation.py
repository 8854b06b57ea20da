"""Fits of one cell, repeat by repeat and fold by fold, and their out-of-fold predictions."""

import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

from ml.features import constant_sentence, features, known_rows
from ml.regressors import REGRESSORS, one_thread
from ml.rows import benchmark_rows, evaluation_rows
from ml.splits import Fold, split_groups, split_rows, undated
from ml.study import Cell, InverseCell
from modelstrata.errors import NotEnoughData


@dataclass(frozen=True)
class Prepared:
    """What the fits of one cell share.

    Attributes:
        cell: what to fit.
        rows: the table's rows that the cell reads, ordered by model id.
        x: features, one row a model.
        y: what is predicted, shape (rows,): scores, or a structural column.
        folds: the fits to make.
        bootstrap_groups: group that each row is drawn with in a bootstrap.
        notes: sentences on constant features and rows set aside.
    """

    cell: Cell | InverseCell
    rows: pd.DataFrame
    x: pd.DataFrame
    y: np.ndarray
    folds: list[Fold]
    bootstrap_groups: np.ndarray
    notes: list[str]


@dataclass(frozen=True)
class Fit:
    """A fitted model with the rows that it must predict: features, scores and predictions."""

    fold: Fold
    model: Any
    x_held_out: np.ndarray
    y_held_out: np.ndarray
    predicted: np.ndarray


class Inputs:
    """Rows of `structure_scores`, and what cells make of them.

    A partition's cells differ in regressor, features or split and share the rest, which is made
    once: nobody may change it.
    """

    def __init__(self, frame: pd.DataFrame) -> None:
        """Take the rows."""
        self.frame = frame
        self._rows = cache(self._select)
        self._x = cache(
            lambda feature_set, *of: features(self._rows(feature_set, *of), feature_set)
        )
        self._folds = cache(
            lambda split, seed, repeats, *of: split_rows(self._rows(*of), split, seed, repeats)
        )
        self._groups = cache(lambda split, *of: split_groups(self._rows(*of), split).to_numpy())

    def prepare(self, cell: Cell | InverseCell, repeats: int = 1) -> Prepared:
        """Select a cell's rows and lay out its folds.

        Args:
            cell: what to fit; its seed is the first repeat's.
            repeats: how often to split anew.

        Raises:
            NotEnoughData: a column is missing, there are too few rows, groups or days, what is to
                be predicted is constant, or so is every feature.
        """
        of = (cell.feature_set, cell.tier, cell.subject, isinstance(cell, InverseCell))
        rows, x, groups = self._rows(*of), self._x(*of), self._groups(cell.split, *of)
        if isinstance(cell, InverseCell):
            target = features(rows, "key")[cell.target]
        else:
            target = rows["score"]
        y = target.to_numpy(dtype="float64")
        folds = self._folds(cell.split, cell.seed, repeats, *of)
        predicted = np.unique(np.concatenate([fold.held_out for fold in folds]))
        if np.ptp(y[predicted]) == 0:
            raise NotEnoughData(
                f"All {len(predicted)} values of {cell.subject} are equal: there is nothing to "
                "explain."
            )
        notes = [sentence] if (sentence := constant_sentence(x)) else []
        if cell.split == "temporal" and (n := undated(rows)):
            notes.append(f"{n} of {len(rows)} models have no date and are in no fold.")
        return Prepared(cell, rows, x, y, folds, groups, notes)

    def _select(self, feature_set: str, tier: str, subject: str, is_inverse: bool) -> pd.DataFrame:
        if is_inverse:
            rows = evaluation_rows(self.frame, tier)
            return rows[rows[subject].notna()].reset_index(drop=True)
        return known_rows(benchmark_rows(self.frame, subject, tier), feature_set)


def prepare(frame: pd.DataFrame, cell: Cell | InverseCell, repeats: int = 1) -> Prepared:
    """Prepare a single cell of some rows of `structure_scores`, see `Inputs.prepare`."""
    return Inputs(frame).prepare(cell, repeats)


def fits(prepared: Prepared) -> Iterator[Fit]:
    """Fit fold after fold; a model sees nothing of the rows that it must predict.

    Raises:
        NotEnoughData: the regressor refuses the rows that train a fold.
    """
    # Checking names of columns takes pipelines longer than most of them take to fit.
    x, y = prepared.x.to_numpy(), prepared.y
    name = prepared.cell.regressor
    for fold in prepared.folds:
        model = REGRESSORS[name](fold.seed)
        held_out = x[fold.held_out]
        try:
            with warnings.catch_warnings(), one_thread():
                # The paper's MLP stops after 100 epochs, converged or not.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(x[fold.train], y[fold.train])
                predicted = model.predict(held_out)
        except ValueError as error:
            raise NotEnoughData(
                f"{name} cannot be fitted on the {len(fold.train)} rows that train fold "
                f"{fold.number} of {prepared.cell.subject}: {error}"
            ) from error
        yield Fit(fold, model, held_out, y[fold.held_out], predicted)


def predictions(prepared: Prepared, fitted: list[Fit] | Iterator[Fit]) -> pd.DataFrame:
    """Return the out-of-fold predictions, one row a model and repeat.

    `baseline_score` is the mean score of the rows that the fold was trained on; `bootstrap_group`
    is what `ml.measures.measure` draws. In the temporal split the oldest models only train.
    """
    fitted = list(fitted)
    folds = [fit.fold for fit in fitted]
    held_out = np.concatenate([fold.held_out for fold in folds])
    by_fold = pd.DataFrame(
        {
            "repeat": [fold.repeat for fold in folds],
            "repeat_seed": [fold.seed for fold in folds],
            "fold": [fold.number for fold in folds],
            "baseline_score": [prepared.y[fold.train].mean() for fold in folds],
        }
    )
    sizes = [len(fold.held_out) for fold in folds]
    table = by_fold.loc[np.repeat(by_fold.index, sizes)].reset_index(drop=True)
    models = prepared.rows[["model_id", "structure_group"]].iloc[held_out].reset_index(drop=True)
    table = pd.concat([models, table], axis=1).assign(
        bootstrap_group=prepared.bootstrap_groups[held_out],
        score=prepared.y[held_out],
        predicted_score=np.concatenate([fit.predicted for fit in fitted]),
        **asdict(prepared.cell),
    )
    return table.sort_values(["repeat", "model_id"], ignore_index=True)
