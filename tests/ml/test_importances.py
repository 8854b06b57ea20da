"""Importances: noise is worth nothing, and columns that move together are worth it together."""

import numpy as np
import pandas as pd
import pytest

from ml.importances import (
    impurity_draws,
    impurity_importances,
    kendall_w,
    permutation_draws,
    summarise,
)
from ml.regressors import REGRESSORS
from ml.study import Cell
from ml.validation import Prepared, fits, prepare

NO_IMPURITY = {"svr", "mlp", "k_nearest_neighbors", "hist_gradient_boosting", "global_mean"}


def prepared(regressor: str, repeats: int = 1) -> Prepared:
    """Lay out 60 structures, three models each: the score follows scale, heads are noise."""
    generator = np.random.default_rng(0)
    group = np.repeat(np.arange(60), 3)
    scale = generator.uniform(0, 1, 60)
    noise = generator.normal(0, 1, (60, 3))
    frame = pd.DataFrame(
        {
            "model_id": [f"owner/model-{number:03}" for number in range(180)],
            "structure_tier": "exact",
            "structure_group": [f"group-{number}" for number in group],
            "family": None,
            "date": None,
            "size": (70 * scale)[group],
            "layers": (12 + 60 * scale + 0.1 * noise[:, 0])[group],
            "d_model": (1024 + 7000 * scale + 10 * noise[:, 1])[group],
            "d_ffn": (4096 + 28000 * scale + 40 * noise[:, 2])[group],
            "heads": generator.permutation(60)[group],
            "benchmark": "mmlu",
            "score": (25 + 50 * scale)[group] + generator.normal(0, 1, 180),
        }
    )
    # Half of the dates are unknown: what an indicator tells counts to its feature.
    frame["date"] = pd.Timestamp("2024-01-01")
    frame.loc[generator.random(180) < 0.5, "date"] = pd.NaT
    return prepare(frame, Cell(regressor, "mmlu", "key", "grouped_structure", "exact"), repeats)


def test_noise_is_worth_nothing_and_scale_only_as_a_whole() -> None:
    study = prepared("extra_trees", repeats=2)
    draws = permutation_draws(study, fits(study), n_permutations=2, n_draws=200)
    table = summarise(draws.iloc[0], draws[1:], "permutation")
    rows = table.set_index("feature")
    assert abs(rows.loc["heads", "importance"]) < 0.02
    assert rows.loc["date", "importance"] == pytest.approx(0, abs=0.02)
    alone = rows.loc[["size", "layers", "d_model", "d_ffn"], "importance"]
    assert (rows.loc["scale", "importance"] > 3 * alone).all()
    # Two independent draws of a variable differ by twice its variance.
    assert rows.loc["scale", "importance"] == pytest.approx(2, rel=0.25)
    assert rows.loc["scale", "kind"] == "permutation_block"
    assert (rows["importance_low"] < rows["importance_high"]).all()
    assert table["rank_agreement"].between(0.3, 1).all()
    again = permutation_draws(study, fits(study), n_permutations=2, n_draws=200)
    assert again.to_csv().encode() == draws.to_csv().encode()


@pytest.mark.parametrize("name", [name for name in REGRESSORS if name != "family_mean"])
def test_impurity_importances_are_of_features_and_sum_to_one(name: str) -> None:
    study = prepared(name)
    found = impurity_importances(next(fits(study)).model, study.x.columns)
    if name in NO_IMPURITY or not hasattr(found, "sum"):
        assert found is None
        assert name in NO_IMPURITY | {"linear_regression", "ridge", "lasso"}
        return
    by_name = dict(zip(study.x.columns, found, strict=True))
    assert sum(by_name.values()) == pytest.approx(1)
    assert by_name["heads"] + by_name["date"] < 0.1


def test_impurity_draws_are_of_whole_groups() -> None:
    study = prepared("decision_tree")
    draws = impurity_draws(study, REGRESSORS["decision_tree"], n_draws=6, seed=1)
    assert draws.shape == (6, 6)
    assert draws.sum(axis=1).to_numpy() == pytest.approx(1)
    assert draws.drop_duplicates().shape == (6, 6)
    with pytest.raises(ValueError, match="has no impurity importances"):
        impurity_draws(study, REGRESSORS["svr"], n_draws=1, seed=1)


def test_agreement_of_ranks() -> None:
    assert kendall_w(np.array([[1, 2, 3], [10, 20, 30]])) == pytest.approx(1)
    assert kendall_w(np.array([[1, 2, 3], [3, 2, 1]])) == pytest.approx(0)
    assert np.isnan(kendall_w(np.array([[1, 1], [1, 1]])))
    assert np.isnan(kendall_w(np.array([[1, 2, 3]])))
    generator = np.random.default_rng(0)
    values = generator.normal(size=(5, 7))
    correlations = pd.DataFrame(values.T).corr(method="spearman").to_numpy()
    mean = correlations[np.triu_indices(5, 1)].mean()
    assert (5 * kendall_w(values) - 1) / 4 == pytest.approx(mean)
    # Ties among all rows leave perfect agreement what it is.
    assert kendall_w(np.array([[0, 0, 1, 2], [5, 5, 6, 7]])) == pytest.approx(1)
