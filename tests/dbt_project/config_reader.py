"""An independent reader of configs: plain json, with the spellings that the build uses."""

import json
import math
import re
from typing import Any

from tests.dbt_project.conftest import Warehouse

#: Beyond it four times a value no longer fits a bigint.
LARGEST = 9e15
NUMBER = re.compile(r"[ \t\n\r]*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?[ \t\n\r]*", re.ASCII)
NO_FIELDS = {"expansion_ratio"}


class Ambiguous(Exception):
    """JSON that some readers take and others refuse, or read in another way."""


class ConfigReader:
    """Reads a text into (stated values, values set aside), or the reason to set it aside whole."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.general: dict[str, list[str]] = {}
        self.typed: dict[tuple[str | None, str], tuple[list[str], float]] = {}
        query = "select field, json_paths from intermediate.int_config_spellings "
        self.general = dict(warehouse.rows(query + "where spelling is null"))
        for model_type, field, paths, scale in warehouse.rows(
            "select model_type, field, json_paths, scale from intermediate.int_config_type_fields "
            "where spelling is not null"
        ):
            self.typed[model_type, field] = (paths, scale)
        self.levels = {
            model_type: (path, inner)
            for model_type, path, inner in warehouse.rows(
                "select model_type, language_path, language_type "
                "from intermediate.int_config_type_levels"
            )
        }
        self.architectures = dict(
            warehouse.rows("select architecture, model_type from intermediate.int_config_architectures")
        )
        self.language_paths = [
            path
            for (path,) in warehouse.rows(
                "select json_path from rules.config_fields where field = 'language_config' "
                "order by preference"
            )
        ]
        conditions = warehouse.rows("select model_type, field, when_key, when_value from rules.config_conditions")
        self.conditional = {(model_type, field) for model_type, field, _, _ in conditions}
        self.switch_fields = {"tie_word_embeddings", "attention_bias", "mlp_bias"}
        when_keys = {key for _, _, key, value in conditions if value != "null"}
        keys = [(f, p) for f, paths in self.general.items() for p in paths]
        own_keys = [(f, p) for (_, f), (paths, _) in self.typed.items() for p in paths]
        switches = {p for f, p in keys + own_keys if f in self.switch_fields} | when_keys
        general = {p for _, p in keys}
        self.switches = {True: switches, False: switches & general}
        numbers = {p for f, p in keys + own_keys if f not in NO_FIELDS and "[]" not in p} - switches
        self.numbers = {True: numbers, False: numbers & general}
        self.reads_own_keys = dict(
            warehouse.rows("select model_type, reads_own_keys from intermediate.int_config_types")
        )

    def read(self, text: str) -> tuple[dict[str, int], set[tuple[str, str]]] | str:
        """Return {field: value} and {(key, reason)}, or a reason; `Ambiguous` if readers differ."""
        text = text.lstrip("\ufeff")
        try:
            whole = json.loads(text, object_pairs_hook=_once, parse_int=_int, parse_float=_float)
            json.dumps(whole, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return "invalid_json"
        except ValueError as error:
            # DuckDB takes a comma behind the last member, and NaN in any case.
            if re.search(r",[ \t\n\r]*[}\]]|(?i:\b(nan|inf))", text):
                raise Ambiguous from error
            return "invalid_json"
        if not isinstance(whole, dict):
            return "not_an_object"
        level, model_type = self._language(whole)
        stated = {}
        for field in self.general:
            own, scale = self.typed.get((model_type, field), ([], 1.0))
            if field in NO_FIELDS or (model_type, field) in self.conditional:
                continue
            source = level
            if field == "tie_word_embeddings" and level is not whole:
                if isinstance(_switch(whole.get(field)), int):
                    source = whole
            # The type's own keys, then those that most types have.
            keys = [(path, scale) for path in own]
            keys += [(path, 1.0) for path in self.general[field]]
            for path, times in keys:
                value = _at(source, path)
                if field in self.switch_fields:
                    number = _switch(value)
                elif path.endswith("[]"):
                    number = len(value) if isinstance(value, list) else None
                else:
                    number = clean(value)
                if isinstance(number, int):
                    stated[field] = math.floor(number * times)
                    break
        # What no spelling of the type reads is no value of it.
        every = self.reads_own_keys.get(model_type, False)
        switches = self.switches[every]
        odd = {(key, "wrong_type") for key in switches if _switch(_at(level, key)) == "wrong_type"}
        odd |= {
            (path, reason)
            for path in self.numbers[every]
            if isinstance(reason := clean(_at(level, path)), str)
        }
        return stated, odd

    def _language(self, whole: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
        """Return the language model's own level and the type whose spelling counts there."""
        root_type = _text(whole.get("model_type"))
        path, inner = self.levels.get(root_type, (None, None))
        paths = [path] if path else [] if root_type in self.levels else self.language_paths
        for path in paths:
            level = _at(whole, path)
            if isinstance(level, dict):
                own = _text(level.get("model_type"))
                return level, inner if own is None else own
        if self.levels.get(root_type, (None, None))[0]:
            return whole, root_type
        names = whole.get("architectures")
        name = names[0] if isinstance(names, list) and names else None
        by_name = self.architectures.get(name) if isinstance(name, str) else None
        return whole, inner or root_type or by_name


def clean(value: Any) -> int | str | None:
    """Return the integer that a value stands for, or why it stands for none."""
    if value is None:
        return None
    if isinstance(value, list):
        numbers = [float(item) if _is_numeric(item) else None for item in value]
        first = clean(numbers[0]) if numbers and len(set(numbers)) == 1 else None
        return first if isinstance(first, int) else "varies_by_layer"
    if isinstance(value, str) and value.strip().lower() in ("nan", "inf", "infinity"):
        return "not_finite"
    if not _is_numeric(value):
        return "wrong_type"
    number: int | float = value if isinstance(value, int) else float(value)
    if isinstance(number, float) and math.isnan(number):
        return "not_finite"
    if isinstance(number, float) and math.isinf(number):
        return "not_finite"
    if abs(number) >= LARGEST:
        return "impossible_value"
    return int(number) if number % 1 == 0 else "not_an_integer"


def _is_numeric(value: Any) -> bool:
    if isinstance(value, str):
        return NUMBER.fullmatch(value) is not None
    return isinstance(value, int | float) and not isinstance(value, bool)


def _switch(value: Any) -> int | str | None:
    if value is None:
        return None
    return int(value) if isinstance(value, bool) or (type(value), value) in ((int, 0), (int, 1)) else "wrong_type"


def _text(value: Any) -> str | None:
    text = value if isinstance(value, str) or value is None else json.dumps(value)
    return None if text == "unknown" else text


def _at(level: dict[str, Any], path: str) -> Any:
    found: Any = level
    for part in path.removesuffix("[]").split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _int(digits: str) -> int | float:
    return int(digits) if len(digits) < 300 else _float(digits)


def _float(digits: str) -> float:
    """Return a number, a large one in place of one that no float holds."""
    return max(-1e300, min(1e300, float(digits)))


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise Ambiguous
    return dict(pairs)
