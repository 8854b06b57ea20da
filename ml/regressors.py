"""The structure paper's regressors (arXiv 2509.18136, Table 6), stronger ones and trivial ones.

Every factory takes a seed and returns an unfitted scikit-learn estimator. Fit and predict inside
`one_thread()`: sums over several threads differ in their last bits. Whatever is learnt from data
(medians, means, spreads) is learnt inside the estimator, from training rows alone. The target is
never scaled.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from sklearn.dummy import DummyRegressor
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import ThreadpoolController

from ml.estimators import FamilyMean, KnownColumns
from ml.forest import Forest

#: Table 6 prints this seed for the regressors that take one; the splits use it too.
SEED = 42


def random_forest(seed: int = SEED) -> Forest:
    """Return the paper's random forest: 100 trees of unlimited depth.

    Missing feature values need no imputation: scikit-learn's trees send them to the side of each
    split that lowers the error most.
    """
    return Forest(n_estimators=100, max_depth=None, random_state=seed)


def linear_regression(seed: int = SEED) -> Pipeline:
    """Return least squares; Table 6's `normalize=False` is gone from scikit-learn since 1.2."""
    return _scaled(LinearRegression(fit_intercept=True))


def decision_tree(seed: int = SEED) -> DecisionTreeRegressor:
    """Return one tree of unlimited depth; it takes missing values as the forest does."""
    return DecisionTreeRegressor(max_depth=None, min_samples_split=2, random_state=seed)


def svr(seed: int = SEED) -> Pipeline:
    """Return support-vector regression; `C` and `epsilon` are in points of the score."""
    return _scaled(SVR(kernel="rbf", C=1.0, epsilon=0.1))


def ridge(seed: int = SEED) -> Pipeline:
    """Return ridge regression."""
    return _scaled(Ridge(alpha=1.0, fit_intercept=True))


def lasso(seed: int = SEED) -> Pipeline:
    """Return the lasso."""
    return _scaled(Lasso(alpha=0.1, max_iter=1000))


def k_nearest_neighbors(seed: int = SEED) -> Pipeline:
    """Return the mean of the five nearest rows, by Euclidean distance of scaled features."""
    return _scaled(KNeighborsRegressor(n_neighbors=5, algorithm="auto", n_jobs=1))


def gradient_boosting(seed: int = SEED) -> Pipeline:
    """Return gradient boosting; scikit-learn's takes no missing values, so they are imputed."""
    booster = GradientBoostingRegressor(
        n_estimators=100, learning_rate=0.1, max_depth=3, random_state=seed
    )
    return Pipeline([("impute", _imputer()), ("regress", booster)])


def xgboost(seed: int = SEED) -> Any:
    """Return XGBoost; it takes missing values. Importances are summed gains (equation 2)."""
    # Loaded when asked for: the main job fits none and need not wait for it.
    from xgboost import XGBRegressor

    return XGBRegressor(
        objective="reg:squarederror",
        n_estimators=100,
        learning_rate=0.1,
        importance_type="total_gain",
        random_state=seed,
        n_jobs=1,
    )


def mlp(seed: int = SEED) -> Pipeline:
    """Return the multi-layer perceptron; 100 epochs rarely converge, the paper stops there too."""
    return _scaled(
        MLPRegressor(
            hidden_layer_sizes=(32, 64, 32), max_iter=100, activation="relu", random_state=seed
        )
    )


def hist_gradient_boosting(seed: int = SEED) -> Pipeline:
    """Return histogram gradient boosting with scikit-learn's defaults, without early stopping."""
    booster = HistGradientBoostingRegressor(early_stopping=False, random_state=seed)
    return Pipeline([("known", KnownColumns()), ("regress", booster)])


def extra_trees(seed: int = SEED) -> Forest:
    """Return extremely randomised trees, as many as the paper's forest has."""
    return Forest(n_estimators=100, splitter="random", bootstrap=False, random_state=seed)


def global_mean(seed: int = SEED) -> DummyRegressor:
    """Return the regressor that predicts the training rows' mean, whatever the features."""
    return DummyRegressor(strategy="mean")


def family_mean(seed: int = SEED) -> FamilyMean:
    """Return the mean of the base family; it takes the feature set `family` alone."""
    return FamilyMean()


def one_thread() -> Any:
    """Return a context in which BLAS and OpenMP use one thread: the same seed, the same bytes."""
    return _controller().limit(limits=1)


@cache
def _controller() -> ThreadpoolController:
    """Look for the libraries once: it takes 4 ms, as long as a linear fit."""
    return ThreadpoolController()


def _imputer() -> SimpleImputer:
    """Fill in the training rows' median, and mark what was filled in by a column of its own."""
    return SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)


def _scaled(regressor: Any) -> Pipeline:
    return Pipeline([("impute", _imputer()), ("scale", StandardScaler()), ("regress", regressor)])


#: Ten of Table 6's eleven, by the names of the reference tables; the fine-tuned LLM is no regressor
#: of this module.
PAPER: dict[str, Callable[[int], Any]] = {
    "random_forest": random_forest,
    "linear_regression": linear_regression,
    "decision_tree": decision_tree,
    "svr": svr,
    "ridge": ridge,
    "lasso": lasso,
    "k_nearest_neighbors": k_nearest_neighbors,
    "gradient_boosting": gradient_boosting,
    "xgboost": xgboost,
    "mlp": mlp,
}
STRONGER: dict[str, Callable[[int], Any]] = {
    "hist_gradient_boosting": hist_gradient_boosting,
    "extra_trees": extra_trees,
}
TRIVIAL: dict[str, Callable[[int], Any]] = {
    "global_mean": global_mean,
    "family_mean": family_mean,
}
REGRESSORS: dict[str, Callable[[int], Any]] = {**PAPER, **STRONGER, **TRIVIAL}
