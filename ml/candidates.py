"""Structures to choose from under a size budget: those seen, and some near to them."""

from dataclasses import dataclass

import numpy as np

from ml.predictor_file import Predictor
from ml.seen import structures

#: What layers and d_ffn of a seen structure are multiplied by, one at a time.
_FACTORS = (0.75, 0.875, 1.125, 1.25)
#: Matrices are a multiple of this wide.
_FFN_STEP = 128


@dataclass(frozen=True)
class Candidates:
    """One structure a row.

    Attributes:
        x: features, shape (structures, features).
        size: billions of parameters.
        is_seen: whether a model of this structure has a score on the benchmark's leaderboard.
        like: a model of it, or of the one that it is near to.
        n_models: models of that structure with a score.
        measured: their mean score.
    """

    x: np.ndarray
    size: np.ndarray
    is_seen: np.ndarray
    like: list[str]
    n_models: np.ndarray
    measured: np.ndarray


def candidates(
    predictor: Predictor, benchmark: str, is_seen: np.ndarray, budget: float
) -> Candidates:
    """List the structures seen on a benchmark, and near ones, of at most `budget` billions.

    A near one is a dense structure with its layers or its d_ffn up to a quarter more or less; its
    size changes by as many parameters as blocks like Llama's hold.
    """
    at = {name: column for column, name in enumerate(predictor.features)}
    scores = predictor.scores[:, list(predictor.fitted).index(benchmark)]
    kept = is_seen & ~np.isnan(scores) & ~np.isnan(predictor.x[:, at["d_ffn"]])
    structure = structures(predictor.x, predictor.features)
    seen = set(
        map(tuple, predictor.x[kept][:, [at[n] for n in ("layers", "d_model", "d_ffn", "heads")]])
    )
    rows, sizes, flags, likes, counts, means = [], [], [], [], [], []

    def add(row: np.ndarray, size: float, is_own: bool, like: str, group: np.ndarray) -> None:
        if size <= budget:
            row = row.copy()
            row[at["size"]] = size
            rows.append(row)
            sizes.append(size)
            flags.append(is_own)
            likes.append(like)
            counts.append(len(group))
            means.append(float(scores[group].mean()))

    for number in np.unique(structure[kept]):
        group = np.flatnonzero((structure == number) & kept)
        size = (
            float(np.nanmedian(predictor.x[group, at["size"]]))
            if _any_size(predictor, group)
            else np.nan
        )
        if np.isnan(size):
            continue
        first = group[
            np.lexsort((predictor.x[group, at["date"]], ~predictor.is_official[group]))[0]
        ]
        row, like = predictor.x[first], str(predictor.model_ids[first])
        add(row, size, True, like, group)
        if not predictor.is_dense[first]:
            continue
        for name, step in (("layers", 1), ("d_ffn", _FFN_STEP)):
            for factor in _FACTORS:
                near = row.copy()
                near[at[name]] = max(step, round(row[at[name]] * factor / step) * step)
                shape = tuple(near[[at[n] for n in ("layers", "d_model", "d_ffn", "heads")]])
                if shape in seen:
                    continue
                seen.add(shape)
                grown = _blocks(near, at, predictor.kv_heads[first])
                grown -= _blocks(row, at, predictor.kv_heads[first])
                add(near, size + grown, False, like, group)
    return Candidates(
        np.array(rows).reshape(-1, len(at)),
        np.array(sizes),
        np.array(flags, dtype=bool),
        likes,
        np.array(counts),
        np.array(means),
    )


def _any_size(predictor: Predictor, group: np.ndarray) -> bool:
    column = predictor.features.index("size")
    return bool((~np.isnan(predictor.x[group, column])).any())


def _blocks(row: np.ndarray, at: dict[str, int], kv_heads: float) -> float:
    """Return the parameters of blocks that are built like Llama's, in billions."""
    layers, width, ffn, heads = (row[at[name]] for name in ("layers", "d_model", "d_ffn", "heads"))
    shared = kv_heads / heads if not np.isnan(kv_heads) else 1.0
    return float(layers * (2 * width * width * (1 + shared) + 3 * width * ffn) / 1e9)
