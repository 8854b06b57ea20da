"""The study's forests against scikit-learn's: `python -m benchmarks.forest`.

Both are fitted on the same folds of a benchmark of the published warehouse, one after the other in
one process with one thread, and predict the held-out rows. Prints CPU seconds, their ratio, and the
R² of both.
"""

import argparse
import time

import numpy as np
from sklearn.ensemble import ExtraTreesRegressor, RandomForestRegressor

from ml.measures import r2
from ml.plan import PARTS
from ml.regressors import REGRESSORS, one_thread
from ml.study import Cell
from ml.validation import prepare
from modelstrata.settings import Settings
from orchestration.study import read_rows

PLAIN = {
    "random_forest": lambda seed: RandomForestRegressor(n_estimators=100, random_state=seed),
    "extra_trees": lambda seed: ExtraTreesRegressor(n_estimators=100, random_state=seed),
}


def main() -> None:
    """Time both on every feature set of the study that holds structure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--benchmark", default="mmlu", help="benchmark to fit")
    parser.add_argument("--repeats", type=int, default=3, help="how often to split anew")
    arguments = parser.parse_args()
    frame = read_rows(Settings().warehouse, PARTS["regressors"], arguments.benchmark)
    print("regressor      features        rows distinct  ours s  scikit-learn s  ratio   R²    R²")
    for name, plain in PLAIN.items():
        for feature_set in ("structure", "structure_date", "key", "full"):
            cell = Cell(name, arguments.benchmark, feature_set, "random", "exact")
            laid_out = prepare(frame, cell, arguments.repeats)
            x, y = laid_out.x.to_numpy(), laid_out.y
            seconds, found = [], []
            for make in (REGRESSORS[name], plain):
                start = time.process_time()
                predicted = np.empty((arguments.repeats, len(y)))
                with one_thread():
                    for fold in laid_out.folds:
                        model = make(fold.seed).fit(x[fold.train], y[fold.train])
                        predicted[fold.repeat, fold.held_out] = model.predict(x[fold.held_out])
                seconds.append(time.process_time() - start)
                found.append(np.mean([r2(y, one) for one in predicted]))
            print(
                f"{name:14} {feature_set:15} {len(y):4} {len(laid_out.x.drop_duplicates()):8} "
                f"{seconds[0]:7.2f} {seconds[1]:15.2f} {seconds[0] / seconds[1]:6.2f} "
                f"{found[0]:.3f} {found[1]:.3f}"
            )


if __name__ == "__main__":
    main()
