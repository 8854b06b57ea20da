"""What is predicted for: a config.json or a model of the warehouse, as named features."""

import datetime
import math
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np

from ml.config_file import resolve_config
from ml.config_rules import ConfigRules, sql_text
from ml.parameter_count import count_parameters
from modelstrata.errors import ConfigError
from modelstrata.model_ids import is_model_id

#: Without these no structure is compared with another.
_REQUIRED = ("layers", "d_model", "heads")
_STRUCTURE = ("layers", "d_model", "d_ffn", "heads", "kv_heads", "vocab_size")
_LARGEST_BYTES = 64_000_000


@dataclass(frozen=True)
class Subject:
    """A structure to predict for.

    Attributes:
        name: file or model id, as messages call it.
        values: value by column, where it is known; `size` in billions.
        date: the day that it is taken to be of.
        notes: sentences on what was assumed or set aside.
        model_id: its id, if it is a model of the warehouse.
    """

    name: str
    values: dict[str, float]
    date: datetime.date
    notes: list[str] = field(default_factory=list)
    model_id: str | None = None

    def row(self, features: list[str]) -> np.ndarray:
        """Return the features in order, shape (features,); NaN where unknown."""
        values = {**self.values, "date": days(self.date)}
        return np.array([values.get(name, math.nan) for name in features], dtype="float64")


def days(date: datetime.date) -> float:
    """Return days since 1970, as `ml.features` counts them."""
    return float((date - datetime.date(1970, 1, 1)).days)


def read_subject(
    connection: duckdb.DuckDBPyConnection,
    asked: str,
    today: datetime.date,
    *,
    date: datetime.date | None = None,
    size: float | None = None,
) -> Subject:
    """Read a config file or look a model up.

    Args:
        connection: the warehouse.
        asked: path of a config.json, or a model id.
        today: the day that a config is taken to be of.
        date: another day to take it to be of.
        size: billions of parameters, instead of those counted or stated.

    Raises:
        ConfigError: it is neither, or states too little.
    """
    path = Path(asked)
    if path.is_file():
        subject = _from_config(connection, path, date or today)
    elif is_model_id(asked) and not asked.endswith(".json"):
        subject = _from_model(connection, asked, date)
    else:
        raise ConfigError(
            f"There is no file {asked}, and it is no model id: give the path of a config.json, or "
            "an id such as owner/name."
        )
    missing = [name for name in _REQUIRED if name not in subject.values]
    if missing:
        raise ConfigError(
            f"{subject.name} leaves {', '.join(missing)} unknown, and nothing is comparable "
            "without: give a config.json that states them."
        )
    if size is not None:
        subject.values["size"] = size
    elif "size" not in subject.values:
        subject.notes.append(
            "Its size is unknown: predictions rest on the other columns. `--size` gives it."
        )
    return subject


def _from_config(connection: duckdb.DuckDBPyConnection, path: Path, date: datetime.date) -> Subject:
    if path.stat().st_size > _LARGEST_BYTES:
        raise ConfigError(
            f"{path} is larger than {_LARGEST_BYTES:,} bytes: that is no config.json."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path} is no UTF-8 text ({error.reason} at byte {error.start}): give the config.json "
            "of a model's repository."
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror}): check its mode.") from error
    rules = ConfigRules(connection)
    found = resolve_config(rules, text, str(path))
    notes = list(found.notes)
    assumed = [
        name for name in ("layers", "d_model", "d_ffn", "heads")
        if found.found.get(name) == "class_default"
    ]  # fmt: skip
    if assumed:
        notes.append(
            f"The file does not state {', '.join(assumed)}: they are the defaults of the class "
            f"{found.schema_type}."
        )
    if "d_ffn" not in found.values:
        notes.append("Its d_ffn is unknown: predictions rest on the other columns.")
    values = {name: float(found.values[name]) for name in _STRUCTURE if name in found.values}
    counted = count_parameters(connection, rules, found)
    if counted is not None:
        values["size"] = counted.size
        if not counted.is_confirmed:
            notes.append(
                f"Its size, {counted.size:.3g} billion, is counted by a formula that no "
                f"stated size of the type {found.schema_type} confirms; `--size` gives another."
            )
    return Subject(str(path), values, date, notes)


def _from_model(
    connection: duckdb.DuckDBPyConnection, asked: str, date: datetime.date | None
) -> Subject:
    columns = ("size", *_STRUCTURE)
    row = connection.execute(
        "select models.model_id, models.date, implausible_fields, size, layers, d_model, d_ffn, "  # noqa: S608
        "heads, kv_heads, vocab_size from marts.models "
        "left join marts.model_structures using (model_id) "
        f"where lower(models.model_id) = lower({sql_text(asked)})"
    ).fetchone()
    if row is None:
        near = connection.execute(
            "select model_id from marts.models "  # noqa: S608
            f"order by jaro_winkler_similarity(lower(model_id), lower({sql_text(asked)})) desc, "
            "model_id limit 3"
        ).fetchall()
        names = ", ".join(name for (name,) in near)
        raise ConfigError(
            f"The warehouse holds no model {asked}. Near are {names}; or give the path of its "
            "config.json."
        )
    model_id, dated, implausible, *found = row
    values = {
        name: float(value)
        for name, value in zip(columns, found, strict=True)
        if value is not None and name not in (implausible or [])
    }
    notes = []
    if (date or dated) is None:
        raise ConfigError(f"The warehouse does not know the date of {model_id}: give it, `--date`.")
    if implausible:
        notes.append(f"Implausible, and so counted as unknown: {', '.join(implausible)}.")
    return Subject(model_id, values, date or dated, notes, model_id)
