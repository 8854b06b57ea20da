"""The structure paper's regressors with its hyper-parameters (arXiv 2509.18136, Table 6)."""

from sklearn.ensemble import RandomForestRegressor

#: Table 6 prints this seed for the regressors that take one; the splits use it too.
SEED = 42


def random_forest(seed: int = SEED) -> RandomForestRegressor:
    """Return the paper's random forest: 100 trees of unlimited depth.

    Missing feature values need no imputation: scikit-learn's trees send them to the side of each
    split that lowers the error most.
    """
    return RandomForestRegressor(n_estimators=100, max_depth=None, random_state=seed)


REGRESSORS = {"random_forest": random_forest}
