"""Regressors: the paper's settings, what they learn from, and that they repeat."""

import ast
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ml.regressors import PAPER, REGRESSORS, TRIVIAL, one_thread

#: The structure paper's Table 6, as printed.
TABLE_6 = {
    "random_forest": "random_state=42, n_estimators=100, max_depth=None",
    "linear_regression": "fit_intercept=True, normalize=False",
    "decision_tree": "random_state=42, max_depth=None, min_samples_split=2",
    "svr": "kernel='rbf', C=1.0, epsilon=0.1",
    "ridge": "alpha=1.0, fit_intercept=True",
    "lasso": "alpha=0.1, max_iter=1000",
    "k_nearest_neighbors": "n_neighbors=5, algorithm='auto'",
    "gradient_boosting": "n_estimators=100, learning_rate=0.1, max_depth=3",
    "xgboost": "objective='reg:squarederror', n_estimators=100, learning_rate=0.1",
    "mlp": "hidden_layer_sizes=(32, 64, 32), max_iter=100, activation='relu'",
}
REMOVED = {"normalize"}
NUMERIC = [name for name in REGRESSORS if name != "family_mean"]
MLP_STOPS_EARLY = "ignore:Stochastic Optimizer:sklearn.exceptions.ConvergenceWarning"


def table(n: int = 200, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    """Return features of very different scale, some unknown, and a score linear in two of them."""
    generator = np.random.default_rng(seed)
    x = pd.DataFrame(
        {
            "layers": generator.integers(12, 80, n).astype("float64"),
            "date": generator.uniform(19_000, 20_000, n),
            "pos": np.where(generator.random(n) < 0.3, np.nan, generator.uniform(2e3, 1e6, n)),
        }
    )
    return x, 0.5 * x["layers"].to_numpy() + 0.01 * (x["date"].to_numpy() - 19_000)


def last_step(model: Any) -> Any:
    return model[-1] if hasattr(model, "steps") else model


@pytest.mark.parametrize("name", PAPER)
def test_settings_are_those_of_table_6(name: str) -> None:
    call = ast.parse(f"f({TABLE_6[name]})", mode="eval").body
    assert isinstance(call, ast.Call)
    stated = {str(one.arg): ast.literal_eval(one.value) for one in call.keywords}
    ours = last_step(REGRESSORS[name](42)).get_params()
    assert {key: ours.get(key) for key in stated.keys() - REMOVED} == {
        key: value for key, value in stated.items() if key not in REMOVED
    }
    assert REMOVED.isdisjoint(ours)


@pytest.mark.filterwarnings(MLP_STOPS_EARLY)
@pytest.mark.parametrize("name", NUMERIC)
def test_each_takes_unknown_values_and_repeats_to_the_last_bit(name: str) -> None:
    x, y = table()
    # `date` is known in training and unknown later; `empty` is the other way round.
    train, later = x[:150].assign(empty=np.nan), x[150:].assign(empty=1.0)
    later.iloc[0] = np.nan
    with one_thread():
        one, again = (REGRESSORS[name](7).fit(train, y[:150]).predict(later) for _ in range(2))
    assert np.isfinite(one).all()
    assert one.tobytes() == again.tobytes()
    assert name in TRIVIAL or np.ptp(one) > 0


@pytest.mark.parametrize("name", ["linear_regression", "ridge", "lasso"])
def test_linear_regressors_find_a_linear_truth(name: str) -> None:
    x, y = table()
    predicted = REGRESSORS[name](42).fit(x[:150], y[:150]).predict(x[150:])
    assert np.abs(predicted - y[150:]).max() < (1e-8 if name == "linear_regression" else 1)


@pytest.mark.parametrize("name", ["svr", "k_nearest_neighbors"])
def test_distances_are_of_scaled_features(name: str) -> None:
    x, y = table()
    model = REGRESSORS[name](42)
    plain = model.fit(x[:150], y[:150]).predict(x[150:])
    metres = x.assign(layers=x["layers"] * 1e6, date=x["date"] / 1e3)
    np.testing.assert_allclose(model.fit(metres[:150], y[:150]).predict(metres[150:]), plain)


def test_a_family_left_in_training_gives_its_mean_and_any_other_the_mean_of_all() -> None:
    train = pd.DataFrame({"family": ["llama", "llama", "yi", None]})
    model = REGRESSORS["family_mean"](42).fit(train, np.array([10.0, 20.0, 60.0, 30.0]))
    new = pd.DataFrame({"family": ["llama", "yi", "qwen", None]})
    assert model.predict(new).tolist() == [15, 60, 30, 30]
