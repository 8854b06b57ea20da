"""Feature sets: which columns a regressor may see, as numbers."""

import numpy as np
import pandas as pd

from ml.names import OPEN_LLM_V1
from modelstrata.errors import NotEnoughData

#: Kinds of training, as `training_type` of `structure_performance` spells them.
TRAINING_TYPES = ("pretrained", "continuously pretrained", "fine-tuned", "chat", "merge")

_STRUCTURE = ("layers", "d_model", "d_ffn", "heads")
_KEY = ("size", "date", *_STRUCTURE)
#: Tokens in trillions, compute in 1e21 FLOPs.
_PRETRAINING = ("pretraining_tokens", "pretraining_compute")

FEATURE_SETS: dict[str, tuple[str, ...]] = {
    "key": _KEY,
    "structure": _STRUCTURE,
    "structure_date": ("date", *_STRUCTURE),
    "size_date": ("size", "date"),
    "full": (
        *_KEY,
        "kv_heads",
        "vocab_size",
        "pos",
        "head_dim",
        "depth_to_width",
        "ffn_to_width",
        "training_type",
        "is_moe",
    ),
    # Of the models whose pretraining is known; then the key alone on the same models, to compare.
    "tokens_flops": (*_KEY, *_PRETRAINING),
    "key_where_tokens_known": _KEY,
    # What the way back reads.
    "scores": OPEN_LLM_V1,
    # What the trivial regressor `family_mean` reads: a text column, None where unknown.
    "family": ("family",),
}
#: Columns that rows must know for a feature set.
_REQUIRED = {"tokens_flops": _PRETRAINING, "key_where_tokens_known": _PRETRAINING}
_RATIOS = {"depth_to_width": ("layers", "d_model"), "ffn_to_width": ("d_ffn", "d_model")}


def features(frame: pd.DataFrame, feature_set: str) -> pd.DataFrame:
    """Return the feature columns as floats, one row a model.

    Dates become days since 1970. `training_type` becomes one 0/1 column a kind, all 0 where it is
    unknown; `is_moe` becomes 0 or 1. `depth_to_width` is layers / d_model, `ffn_to_width` is
    d_ffn / d_model. Other unknown values stay NaN. The set `family` is one text column.

    Raises:
        NotEnoughData: a column is missing, or a training type is none of `TRAINING_TYPES`.
    """
    if feature_set not in FEATURE_SETS:
        known = ", ".join(FEATURE_SETS)
        raise NotEnoughData(f"There is no feature set {feature_set!r}: choose one of {known}.")
    columns: dict[str, pd.Series] = {}
    for name in FEATURE_SETS[feature_set]:
        if name in _RATIOS:
            above, below = (_number(_column(frame, part, feature_set)) for part in _RATIOS[name])
            columns[name] = above / below.where(below > 0)
            continue
        values = _column(frame, name, feature_set)
        if name == "date":
            days = pd.to_datetime(values).astype("datetime64[s]").astype("int64") / 86_400
            columns[name] = _number(days.where(values.notna(), np.nan))
        elif name == "training_type":
            columns.update(_one_hot(values))
        elif name == "family":
            columns[name] = values.astype("object").where(values.notna(), None)
        else:
            columns[name] = _number(values)
    return pd.DataFrame(columns, index=frame.index)


def known_rows(rows: pd.DataFrame, feature_set: str) -> pd.DataFrame:
    """Return the rows that know what a feature set is about, numbered anew.

    Raises:
        NotEnoughData: a column is missing.
    """
    for name in _REQUIRED.get(feature_set, ()):
        rows = rows[_column(rows, name, feature_set).notna()]
    return rows.reset_index(drop=True)


def constant_features(x: pd.DataFrame) -> list[str]:
    """List the columns that hold fewer than two known values: they cannot explain anything."""
    return [str(name) for name in x.columns if x[name].nunique() < 2]


def constant_sentence(x: pd.DataFrame) -> str | None:
    """Name the constant features in one sentence, or return None if there are none.

    Raises:
        NotEnoughData: all features are constant.
    """
    constant = constant_features(x)
    if not constant:
        return None
    names = ", ".join(constant)
    if len(constant) == x.shape[1]:
        raise NotEnoughData(
            f"Every feature is constant or unknown over all {len(x)} rows ({names}): land configs "
            "of other structures, or choose another feature set."
        )
    return (
        f"Constant or unknown over all {len(x)} rows, so that it cannot explain anything: {names}."
    )


def _column(frame: pd.DataFrame, name: str, feature_set: str) -> pd.Series:
    if name not in frame:
        raise NotEnoughData(
            f"The feature set {feature_set!r} needs the column {name!r}, which the table does not "
            "hold: join it from model_structures, or choose another feature set."
        )
    return frame[name]


def _number(values: pd.Series) -> pd.Series:
    return pd.to_numeric(values).astype("float64")


def _one_hot(values: pd.Series) -> dict[str, pd.Series]:
    unknown = values[values.notna() & ~values.isin(TRAINING_TYPES)]
    if len(unknown):
        raise NotEnoughData(
            f"Row {unknown.index[0]} has the training type {unknown.iloc[0]!r}, which is none of "
            f"{', '.join(TRAINING_TYPES)}: add it to ml.features.TRAINING_TYPES."
        )
    return {
        f"training_type_{kind.replace(' ', '_')}": (values == kind).fillna(False).astype("float64")
        for kind in TRAINING_TYPES
    }
