"""The stored predictor: one NumPy archive of plain arrays with a JSON header, no pickle.

Reading it runs nothing that the file holds. A file of another format, with objects in it, or fitted
on other data or by other code, is refused with the remedy.
"""

import hashlib
import json
import zipfile
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from ml.forest_arrays import ARRAYS, ForestArrays
from modelstrata.errors import PredictorError, WarehouseError
from modelstrata.landing import write_atomically

FORMAT = "modelstrata-predictor-1"
TIER = "exact"
REMEDY = "Fit it anew: `python -m ml.predictor`."
#: Modules that what is fitted depends on.
_CODE = (
    "conformal", "features", "forest", "forest_arrays", "predictor", "predictor_file",
    "regressors", "seen", "splits",
)  # fmt: skip


@dataclass(frozen=True)
class Fitted:
    """What is known of one benchmark's fit.

    Attributes:
        leaderboard: where its scores come from.
        n: models.
        n_groups: structure groups.
        half_width: half the width of the 90 % interval, in points of the score.
        coverage: share of scores of groups held out that such intervals held, each group of the
            same weight; NaN where there are too few groups.
        coverage_low: lower end of its 95 % interval, from a bootstrap over groups.
        coverage_high: upper end.
        first_date: day of the oldest model, ISO.
        last_date: day of the newest.
    """

    leaderboard: str
    n: int
    n_groups: int
    half_width: float
    coverage: float
    coverage_low: float
    coverage_high: float
    first_date: str
    last_date: str


@dataclass(frozen=True)
class Predictor:
    """Fitted models, and the models that they were fitted on.

    Attributes:
        features: names of the features, in order.
        level: share of new structures that intervals shall hold.
        fitted: by benchmark.
        forests: by benchmark.
        gaps: benchmark by benchmark why there is none.
        model_ids: models seen, shape (models,).
        is_official: whether each is of the structure's own publisher, shape (models,).
        x: their features, shape (models, features).
        kv_heads: their key and value heads, NaN where unknown, shape (models,).
        is_dense: whether each is known to have no experts, shape (models,).
        scores: their scores, NaN where there are none, shape (models, benchmarks of `fitted`).
        spacing: by leaderboard, how far each structure lies from the nearest other one, sorted.
        data_version: hash of what was read.
        code_version: hash of what fitted it.
    """

    features: list[str]
    level: float
    fitted: dict[str, Fitted]
    forests: dict[str, ForestArrays]
    gaps: dict[str, str]
    model_ids: np.ndarray
    is_official: np.ndarray
    x: np.ndarray
    kv_heads: np.ndarray
    is_dense: np.ndarray
    scores: np.ndarray
    spacing: dict[str, np.ndarray]
    data_version: str
    code_version: str


def code_version() -> str:
    """Hash the code and the library versions that a fit depends on; imports none of them."""
    digest = hashlib.sha256()
    for name in _CODE:
        digest.update((Path(__file__).parent / f"{name}.py").read_bytes())
    for library in ("scikit-learn", "numpy", "pandas"):
        digest.update(f"{library} {version(library)}".encode())
    return digest.hexdigest()[:16]


def data_version(connection: duckdb.DuckDBPyConnection) -> str:
    """Hash the inputs that the warehouse holds.

    Raises:
        WarehouseError: it holds none.
    """
    try:
        rows = connection.execute(
            "select benchmark, input_hash from intermediate.int_regression_inputs "  # noqa: S608
            f"where tier = '{TIER}' order by benchmark"
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException) as error:
        raise WarehouseError(
            "The warehouse was built by older code, without structure_scores: run "
            "`make build` first."
        ) from error
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:32]


def save(predictor: Predictor, path: Path) -> None:
    """Write the file under a temporary name and rename it; the same fit gives the same bytes.

    Raises:
        StorageError: the disk is full or not writable.
    """
    arrays = {
        "models/id": predictor.model_ids,
        "models/is_official": predictor.is_official,
        "models/x": predictor.x,
        "models/kv_heads": predictor.kv_heads,
        "models/is_dense": predictor.is_dense,
        "models/scores": predictor.scores,
    }
    arrays |= {f"spacing/{name}": values for name, values in predictor.spacing.items()}
    for benchmark, forest in predictor.forests.items():
        arrays |= {f"forest/{benchmark}/{name}": getattr(forest, name) for name in ARRAYS}
    header = {
        "format": FORMAT,
        "kind": "forest",
        "features": predictor.features,
        "level": predictor.level,
        "fitted": {name: asdict(one) for name, one in predictor.fitted.items()},
        "gaps": predictor.gaps,
        "leaderboards": list(predictor.spacing),
        "data_version": predictor.data_version,
        "code_version": predictor.code_version,
    }
    text = np.frombuffer(json.dumps(header).encode(), dtype="uint8")

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, header=text, **arrays)

    write_atomically(path, write)


def load(path: Path, data: str) -> Predictor:
    """Read a predictor and make sure that it belongs to these data and this code.

    Args:
        path: the file.
        data: what `data_version` says of the warehouse.

    Raises:
        PredictorError: there is none, it is stale, damaged, or holds what is not known.
    """
    if not path.exists():
        raise PredictorError(f"There is no predictor at {path}. Fit one: `python -m ml.predictor`.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            header = json.loads(archive["header"].tobytes())
            _check_header(header, path, data)
            return _read(archive, header)
    except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise PredictorError(
            f"{path} is no predictor, or damaged ({error}). Fit it anew: "
            "`python -m ml.predictor --force`."
        ) from error


def _check_header(header: Any, path: Path, data: str) -> None:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise PredictorError(f"{path} is of a format that this code does not know. {REMEDY}")
    if header.get("kind") != "forest":
        raise PredictorError(
            f"{path} holds a regressor of the unknown kind {header.get('kind')!r}. {REMEDY}"
        )
    for name, now, what in (
        ("data_version", data, "on other data than the warehouse holds now"),
        ("code_version", code_version(), "by another version of the code"),
    ):
        if header.get(name) != now:
            raise PredictorError(
                f"The predictor at {path} is stale: it was fitted {what} ({name} "
                f"{header.get(name)}, now {now}). {REMEDY}"
            )


def _read(archive: Any, header: dict[str, Any]) -> Predictor:
    features = [str(name) for name in header["features"]]
    fitted = {str(name): Fitted(**one) for name, one in header["fitted"].items()}
    forests = {}
    for benchmark in fitted:
        forest = ForestArrays(**{name: archive[f"forest/{benchmark}/{name}"] for name in ARRAYS})
        forest.check(len(features), benchmark)
        forests[benchmark] = forest
    models = {
        name: archive[f"models/{name}"]
        for name in ("id", "is_official", "x", "kv_heads", "is_dense", "scores")
    }
    n = len(models["id"])
    shapes = {"x": (n, len(features)), "scores": (n, len(fitted))}
    for name, array in models.items():
        kind = {"id": "U", "is_official": "b", "is_dense": "b"}.get(name, "f")
        if array.dtype.kind != kind or array.shape != shapes.get(name, (n,)):
            raise ValueError(f"models/{name} is {array.dtype} of shape {array.shape}")
    return Predictor(
        features,
        float(header["level"]),
        fitted,
        forests,
        {str(name): str(reason) for name, reason in header["gaps"].items()},
        models["id"],
        models["is_official"],
        models["x"],
        models["kv_heads"],
        models["is_dense"],
        models["scores"],
        {name: archive[f"spacing/{name}"] for name in header["leaderboards"]},
        header["data_version"],
        header["code_version"],
    )
