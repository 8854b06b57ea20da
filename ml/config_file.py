"""The structure that one config.json states, as dbt would resolve it (`stg_landing__hub_configs`).

A file at hand is verbatim: a key that is not there has its class's default, as the model has.
"""

import json
import math
import re
from dataclasses import dataclass, field
from typing import Any

from ml.config_rules import ConfigRules, TypeRules
from modelstrata.errors import ConfigError

#: Beyond this no number of a config is believed, here as in dbt.
_LARGEST = 9e15
_MISSING = object()


@dataclass(frozen=True)
class ConfigStructure:
    """What a config says of a model's structure.

    Attributes:
        values: value by structural field; switches are 0 or 1; unknown fields are not there.
        found: how each was found: `explicit`, `class_default` or `derived`.
        schema_type: model type whose rules were used, None where it is unknown.
        architecture: the class that the config names.
        notes: sentences on values that were set aside.
    """

    values: dict[str, float]
    found: dict[str, str]
    schema_type: str | None
    architecture: str | None
    notes: list[str] = field(default_factory=list)


def resolve_config(rules: ConfigRules, text: str, name: str) -> ConfigStructure:
    """Resolve a config's text.

    Args:
        rules: the warehouse's knowledge of spellings.
        text: what stands in the file.
        name: what messages call it.

    Raises:
        ConfigError: it is no JSON object, or states no structural field.
    """
    root = _object(text, name)
    root_rules = rules.of_type(_text(root.get("model_type")))
    level = _language_level(rules, root_rules, root)
    is_nested = level is not root
    architectures = [_first(one.get("architectures")) for one in (root, level)]
    architecture = architectures[0] or architectures[1]
    schema_type = _text(level.get("model_type"))
    if schema_type is None:
        schema_type = root_rules.language_type if is_nested else rules.type_of_class(architecture)
    reader = _Reader(rules, rules.of_type(schema_type), level, root if is_nested else None)
    for one in rules.fields:
        reader.resolve(one)
    if not reader.values:
        raise ConfigError(
            f"{name} states no structural field (layers, width, heads …): give the config.json of "
            "a language model, as it lies in the model's repository."
        )
    notes = _set_implausible_aside(rules, reader, name)
    return ConfigStructure(reader.values, reader.found, schema_type, architecture, notes)


def _object(text: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(
            f"{name} is no JSON ({error}): give the config.json of a model's repository."
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(
            f"{name} holds no JSON object but a {type(found).__name__}: give the config.json of a "
            "model's repository."
        )
    return found


def _language_level(rules: ConfigRules, known: TypeRules, root: dict[str, Any]) -> dict[str, Any]:
    """Return the language model's own config: a multimodal model's is never its tower's."""
    paths = [known.language_path] if known.language_path else []
    for path in paths if known.model_type else rules.language_paths:
        found = _at(root, path)
        if isinstance(found, dict):
            return found
        if known.model_type:
            break
    return root


class _Reader:
    """Resolves one field after another; later ones may be derived from earlier ones."""

    def __init__(
        self,
        rules: ConfigRules,
        known: TypeRules,
        level: dict[str, Any],
        root: dict[str, Any] | None,
    ) -> None:
        self.rules, self.known, self.level, self.root = rules, known, level, root
        self.values: dict[str, float] = {}
        self.found: dict[str, str] = {}
        readable = rules.number_keys | rules.switch_keys
        self._is_odd = any(
            self._is_odd_at(key)
            for key in readable
            if known.reads_own_keys or self._is_general(key)
        )

    def resolve(self, name: str) -> None:
        value, found = self._value(name)
        if value is not None:
            self.values[name] = value
            self.found[name] = found

    def _value(self, name: str) -> tuple[float | None, str]:
        condition = self._condition(name)
        if condition:
            return self._derive(condition), "derived"
        stated = self._stated(name)
        if stated is not None:
            return stated, "explicit"
        is_held = self._holds(name, is_null=False)
        rule = self.known.rule.get(name)
        if rule is not None and (
            name in self.known.invariant
            or not self._is_odd
            or not is_held
            or self._holds(name, is_null=True)
        ):
            return self._derive(rule), "derived"
        if name in self.known.default and not is_held:
            return float(self.known.default[name]), "class_default"
        for one in self.rules.conditions:
            if one.field == name and one.equals == "null" and _at(self.level, one.key) is None:
                return self._derive(one.value), "derived"
        return None, ""

    def _stated(self, name: str) -> float | None:
        ways = self.rules.spellings[name]
        for number in (self.known.spelling.get(name), None):
            paths, scale = ways.get(number, ([], 1.0))
            for path in paths:
                value = self._key(path)
                if value is not None:
                    return value if scale == 1 else math.floor(value * scale)
        return None

    def _key(self, path: str) -> float | None:
        if not (self.known.reads_own_keys or self._is_general(path)):
            return None
        value = _at(self.level, path.removesuffix("[]"))
        if path.endswith("[]"):
            return len(value) if isinstance(value, list) else None
        if path == "expansion_ratio":
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            return float(value) if is_number and abs(value) < _LARGEST else None
        if path in self.rules.switch_keys:
            outer = None
            if path == "tie_word_embeddings" and self.root is not None:
                outer = _switch(self.root.get(path))
            return _switch(value) if outer is None else outer
        return _integer(value)

    def _condition(self, name: str) -> str:
        """Return the rule that another key decides on; empty where keys count as they are."""
        for one in self.rules.conditions:
            if (
                one.field == name
                and one.equals != "null"
                and one.model_type == self.known.model_type
            ):
                value = self._key(one.key)
                if str(one.default if value is None else value) == one.equals:
                    return one.value
        return ""

    def _holds(self, name: str, is_null: bool) -> bool:
        """Tell whether a key of the field is there: with null, or with whatever it is."""
        if name in self.rules.switches or None not in self.rules.spellings[name]:
            return False
        paths = {path for paths, _ in self.rules.spellings[name].values() for path in paths}
        held = [
            _at(self.level, path.removesuffix("[]"))
            for path in paths
            if self.known.reads_own_keys or self._is_general(path)
        ]
        return any(one is None if is_null else one is not _MISSING for one in held)

    def _derive(self, rule: str) -> float | None:
        """Work out a rule about an absent key, such as `heads`, `4*d_model` or `d_model/heads`."""
        found, sign = 1.0, "*"
        for part in re.findall(r"[0-9a-z_]+|[*/]", rule):
            if part in "*/":
                sign = part
                continue
            number = float(part) if part.isdigit() else self.values.get(part)
            if not number:
                return None
            found = found * number if sign == "*" else found / number
        return math.floor(found) if abs(found) < _LARGEST else None

    def _is_general(self, path: str) -> bool:
        return path in self.rules.general_keys

    def _is_odd_at(self, key: str) -> bool:
        value = _at(self.level, key)
        if value is _MISSING or value is None:
            return False
        if key in self.rules.switch_keys:
            return _switch(value) is None
        return not (type(value) is int and 0 <= value < 1e9)


def _set_implausible_aside(rules: ConfigRules, reader: _Reader, name: str) -> list[str]:
    notes = []
    for one, (low, high) in rules.ranges().items():
        value = reader.values.get(one)
        if value is not None and not low <= value <= high:
            notes.append(
                f"{name} gives {one} as {value:,.0f}, which is not between {low:,.0f} and "
                f"{high:,.0f}: it counts as unknown."
            )
            del reader.values[one], reader.found[one]
    return notes


def _at(level: dict[str, Any], path: str) -> Any:
    """Return what stands at a dotted path, None for a null, `_MISSING` where there is nothing."""
    found: Any = level
    for part in path.split("."):
        found = found.get(part, _MISSING) if isinstance(found, dict) else _MISSING
    return found


def _text(value: Any) -> str | None:
    if not isinstance(value, str) or value == "unknown":
        return None
    # Halves of a character, which JSON can escape and nothing else can hold.
    return value.encode(errors="ignore").decode()


def _first(value: Any) -> str | None:
    return _text(value[0]) if isinstance(value, list) and value else None


def _switch(value: Any) -> int | None:
    return int(value) if isinstance(value, bool | int) and value in (0, 1) else None


def _integer(value: Any) -> int | None:
    """Return a whole number; digits in quotes and a list of equal numbers stand for theirs."""
    if isinstance(value, list) and value and all(one == value[0] for one in value):
        value = value[0]
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and not value.isascii():
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return int(number) if abs(number) < _LARGEST and number % 1 == 0 else None
