"""Probe a transformers configuration class: which key states a field, what an absent one means.

Nothing is read from source text. A key counts if a class rebuilt with another value there gives
that value back; a rule for an absent key is what the class, built with odd widths, makes of it.
"""

import copy
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import transformers
from transformers import CONFIG_MAPPING, PretrainedConfig

from extract.config_vocabulary import OVERRIDES, REPAIRS, SPELLINGS, SWITCHES

Value = float | int | bool | None

#: Widths to build classes with: no two of them, nor simple multiples, are equal to each other or
#: to a default. The later ones suit classes that accept few numbers.
_WIDTHS: tuple[dict[str, int], ...] = (
    {"d_model": 1584, "heads": 6, "d_ffn": 2990, "layers": 7},
    {"d_model": 2080, "heads": 10, "d_ffn": 1778, "layers": 9},
    {"d_model": 1536, "heads": 8, "d_ffn": 2944, "layers": 8},
    {"d_model": 512, "heads": 16, "d_ffn": 1664, "layers": 12},
    {"d_model": 1920, "heads": 4, "d_ffn": 4736, "layers": 16},
)


def silence() -> None:
    """Keep the classes' advice on odd configurations off the terminal."""
    transformers.logging.set_verbosity(logging.CRITICAL)
    warnings.filterwarnings("ignore")


@dataclass(frozen=True)
class FieldKey:
    """How a class states one field.

    Attributes:
        path: dotted key in a config of this class; None if it has none.
        aliases: other keys that the class reads as this one.
        default: value in a config without any key.
        effect: attribute that tells what a config says of the field.
    """

    path: str | None
    aliases: tuple[str, ...]
    default: Value
    effect: str


def number(found: object) -> Value:
    """Return what counts as one number: a number, or a list of one and the same."""
    if isinstance(found, (list, tuple)) and found and all(item == found[0] for item in found):
        found = found[0]
    return found if isinstance(found, (int, float)) else None


def read(config: PretrainedConfig, path: str) -> Value:
    """Return the number at a dotted path; None where there is none or no single one."""
    found: object = config
    for name in path.split("."):
        try:
            found = found[name] if isinstance(found, dict) else getattr(found, name)
        except Exception:
            # Classes raise errors of many kinds for what differs by layer.
            return None
    return number(found)


def sub_configs(
    config: PretrainedConfig, prefix: str = ""
) -> Iterator[tuple[str, PretrainedConfig]]:
    """List the dotted paths of all nested configs, outer ones first."""
    for name, child in vars(config).items():
        if isinstance(child, PretrainedConfig):
            yield prefix + name, child
            yield from sub_configs(child, f"{prefix}{name}.")


def language_config(config: PretrainedConfig) -> tuple[str, PretrainedConfig]:
    """Return the dotted path and the config of the language model ('' where it is the root)."""
    found = config.get_text_config(decoder=True)
    for path, child in sub_configs(config):
        if child is found:
            return path, child
    return "", config


class ConfigClass:
    """A configuration class under probing."""

    def __init__(self, kind: type[PretrainedConfig]) -> None:
        self.kind = kind
        self.model_type = kind.model_type
        self._keys: dict[str, FieldKey | None] = {}

    @classmethod
    def of(cls, model_type: str) -> "ConfigClass":
        """Probe the class of a model type."""
        return cls(CONFIG_MAPPING[model_type])

    @cached_property
    def default(self) -> PretrainedConfig:
        """The class's own default."""
        return self.kind(**copy.deepcopy(REPAIRS.get(self.model_type, {})))

    @cached_property
    def written(self) -> dict[str, object]:
        """What the default writes into config.json."""
        return self.default.to_dict()

    def build(self, values: dict[str, Any]) -> PretrainedConfig | None:
        """Build a config from dotted keys; None if the class refuses them."""
        arguments: dict[str, Any] = copy.deepcopy(REPAIRS.get(self.model_type, {}))
        for path, value in values.items():
            *outer, name = path.split(".")
            place = arguments
            for step in outer:
                place = place.setdefault(step, {})
            place[name] = value
        try:
            return self.kind(**arguments)
        except Exception:
            # Strict validation, assertions and arithmetic of some 800 classes.
            return None

    def writes(self, path: str) -> bool:
        """Tell whether a dotted key is in what the class writes."""
        found: object = self.written
        for name in path.split("."):
            if not isinstance(found, dict) or name not in found:
                return False
            found = found[name]
        return True

    def key(self, field: str) -> FieldKey | None:
        """Find out how the class states a field; None if it knows no such thing."""
        if field not in self._keys:
            self._keys[field] = self._find(field)
        return self._keys[field]

    def _find(self, field: str) -> FieldKey | None:
        spellings = SPELLINGS[field]
        if (self.model_type, field) in OVERRIDES:
            spellings = (OVERRIDES[self.model_type, field][0],)
        attributes = self.kind.attribute_map
        is_pair = self.default.is_encoder_decoder
        for spelling in spellings:
            path = attributes.get(spelling, spelling)
            if is_pair and path.startswith(("encoder_", "num_encoder_")):
                continue
            if field == "d_ffn" and path in SPELLINGS["moe_d_ffn"]:
                continue
            default = self.effect(field, path, self.default)
            if self.writes(path):
                follows, trial = self.follows(field, path)
                if follows is False:
                    # The class overwrites whatever stands there.
                    return FieldKey(None, (), default, path)
                aliases = [name for name, real in attributes.items() if real == path != name]
                aliases += [
                    name
                    for name in spellings
                    if "." not in name
                    and name not in (path, *aliases)
                    and not self.writes(name)
                    and attributes.get(name, name) == name
                    and self.follows(field, name, path, trial)[0]
                ]
                return FieldKey(path, tuple(dict.fromkeys(aliases)), default, path)
            if default is not None and hasattr(self.kind, spelling):
                return FieldKey(None, (), default, spelling)
        if field == "dense_layers":
            return self._hidden_dense_layers()
        return None

    def _hidden_dense_layers(self) -> FieldKey | None:
        for name in SPELLINGS["dense_layers"]:
            if self.follows("dense_layers", name, "mlp_layer_types")[0]:
                default = self.effect("dense_layers", "mlp_layer_types", self.default)
                return FieldKey(name, (), default, "mlp_layer_types")
        return None

    def effect(self, field: str, path: str, config: PretrainedConfig) -> Value:
        """Return what a config says of a field."""
        if field == "dense_layers" and path == "mlp_layer_types":
            types = getattr(config, path, None)
            return list(types).count("dense") if types else None
        return read(config, path)

    def follows(
        self, field: str, path: str, effect: str | None = None, trial: object = None
    ) -> tuple[bool | None, object]:
        """Tell whether another value at a key is what the class then says, and which value did it.

        The answer is None if the class refuses every value.
        """
        old = self.effect(field, effect or path, self.default)
        if trial is not None:
            trials = [trial]
        elif field in SWITCHES:
            trials = [not old]
        elif not old:
            trials = [12, 16, 64, 1, 4]
        else:
            trials = [t for t in (3 * old, 2 * old, 4 * old, old + 1, old // 2, 1) if t != old]
        refused = True
        for value in trials:
            config = self.build({path: value})
            if config is not None:
                said = self.effect(field, effect or path, config)
                if said == value:
                    return True, value
                # What differs by layer cannot be read back.
                refused = refused and said is None
        return (None if refused else False), None

    def rule(self, field: str) -> str | None:
        """Find what an absent key becomes when other fields change; None if nothing else."""
        known = self.key(field)
        if known is None or known.default is None:
            return None
        if field in (*SWITCHES, "d_model", "layers", "vocab_size", "pos"):
            return None
        bases = {name: self.key(name) for name in _BASES if name != field}
        seen = []
        for widths in _WIDTHS:
            values: dict[str, object] = {
                base.path: widths[name]
                for name, base in bases.items()
                if base and base.path and base.path != known.path
            }
            config = self.build(values)
            if config is not None:
                seen.append((widths, self.effect(field, known.effect, config)))
            if len(seen) == 3:
                break
        if len(seen) < 2 or all(value == known.default for _, value in seen):
            return None
        return rule_of([(widths, Fraction(value)) for widths, value in seen if value])


#: Fields that others may be derived from.
_BASES = ("d_model", "heads", "d_ffn", "layers")


def rule_of(seen: list[tuple[dict[str, int], Fraction]]) -> str | None:
    """Name the rule by which values come from widths; None if no simple one holds for all."""
    if len(seen) < 2:
        return None
    terms = {
        "heads": lambda w: Fraction(w["heads"]),
        "d_model/heads": lambda w: Fraction(w["d_model"], w["heads"]),
        "d_model": lambda w: Fraction(w["d_model"]),
        "d_ffn": lambda w: Fraction(w["d_ffn"]),
        "layers": lambda w: Fraction(w["layers"]),
        "1": lambda w: Fraction(1),
    }
    for name, term in terms.items():
        ratios = {value / term(widths) for widths, value in seen}
        if len(ratios) == 1 and (ratio := ratios.pop()).denominator <= 16:
            if name == "1":
                return str(ratio)
            return name if ratio == 1 else f"{ratio}*{name}"
    return None
