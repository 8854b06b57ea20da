"""Several hundred configs with random damage, and what each should give."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.dbt_project.zone import config, land

BASES: list[dict[str, Any]] = [
    {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000},
    {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None, "n_positions": 1024},
    {"d_model": 512, "num_layers": 6, "num_heads": 8, "d_ff": 2048, "model_type": "t5"},
    {
        "model_type": "llava",
        "text_config": {"hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 16},
        "vision_config": {"hidden_size": 1024, "num_hidden_layers": 24},
    },
    {"model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016, "num_layers": 32},
]
ODD_VALUES: list[Any] = [
    "4096", "", "4096\u0000", "４０９６", "💥", True, False, None, [], [1, 2], [[1]], {}, {"a": 1},
    0, -1, -4096, 1.5, 4096.0, 5_000_000, 2**53, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**30,
    1e18, 1e19, 1e300, -1e300, 1e-300, float("nan"), float("inf"), float("-inf"),
]  # fmt: skip
STRUCTURAL = {
    "d_model": ("hidden_size", "n_embd", "d_model", "dim"),
    "layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
}
FIXED = [
    "",
    " ",
    "null",
    "true",
    '"text"',
    "4096",
    "[]",
    "[{}]",
    "{}",
    "NaN",
    '{"hidden_size": NaN}',
    '{"hidden_size": Infinity, "num_hidden_layers": 2}',
    '{"hidden_size": 1, "hidden_size": 64}',
    '{"hidden_size": 64,}',
    "\ufeff" + json.dumps(BASES[0]),
    '{"x":' * 1000 + "1" + "}" * 1000,
    '{"hidden_size": 64, "x": ' + "[" * 1000 + "]" * 1000 + "}",
    '{"text_config":' * 1000 + '{"hidden_size": 64}' + "}" * 1000,
    '{"hidden\\u005fsize": 64}',
    '{"hidden_size": 64, "note": "\\ud800"}',
    '{"a\\u0000b": 1, "hidden_size": 64}',
    '{"n_embd": 4000000000000000000, "n_inner": null}',
    '{"model_type": ["llama"], "architectures": "Llama", "hidden_size": 64}',
    '{"architectures": [null], "model_type": 7, "hidden_size": 64}',
    '{"text_config": null, "hidden_size": 64}',
    '{"text_config": [], "llm_config": {"hidden_size": 64}, "hidden_size": 1}',
    '{"": 1, "hidden_size": 64}',
    '{"hidden_size": 6' + "0" * 4000 + "}",
    json.dumps({"hidden_size": 64, "pad": "x" * 100_000}),
]


def texts() -> list[str]:
    """Return the same mutants each time."""
    generator = random.Random(20261121)
    mutate: list[Callable[[random.Random, dict[str, Any]], str]] = [_revalued, _renamed, _cut]
    return FIXED + [
        generator.choice(mutate)(generator, json.loads(json.dumps(generator.choice(BASES))))
        for _ in range(400)
    ]


def _revalued(generator: random.Random, base: dict[str, Any]) -> str:
    inner = base.get("text_config", base) if generator.random() < 0.7 else base
    for _ in range(generator.randint(1, 3)):
        inner[generator.choice(list(inner))] = generator.choice(ODD_VALUES)
    return json.dumps(base, ensure_ascii=generator.random() < 0.5)


def _renamed(generator: random.Random, base: dict[str, Any]) -> str:
    key = generator.choice(list(base))
    names = [*STRUCTURAL["d_model"], "text_config", "llm_config", "language_config", "x'; --", "é"]
    base[generator.choice(names)] = base.pop(key)
    return json.dumps(base)


def _cut(generator: random.Random, base: dict[str, Any]) -> str:
    text = json.dumps(base)
    at = generator.randrange(len(text))
    return text[:at] + generator.choice(["", "\\", '"', "}", "\u2028", "\x07"]) + text[at + 1 :]


def model_id(number: int) -> str:
    """Return the id of a mutant."""
    return f"mutant/{number:04}"


def fill(landing: Path) -> None:
    """Land all mutants as one batch; row numbers are positions in `texts`."""
    rows = [config(model_id(number), text) for number, text in enumerate(texts())]
    land(landing, "hub_configs", "mutants", rows)


def expected(text: str) -> dict[str, int | None] | str | None:
    """Return structural values, or why the record is set aside; None if JSON readers differ.

    They differ on NaN, repeated keys, trailing commas, lone surrogates and byte order marks.
    """
    try:
        whole = json.loads(text, parse_constant=_refuse, object_pairs_hook=_once)
        json.dumps(whole, ensure_ascii=False).encode()
    except RecursionError:
        return None
    except _Ambiguous:
        return None
    except UnicodeEncodeError:
        return None
    except ValueError:
        return None if text.startswith("\ufeff") or ",}" in text or ",]" in text else "invalid_json"
    if not isinstance(whole, dict):
        return "not_an_object"
    nested = (whole.get(key) for key in ("text_config", "llm_config", "language_config"))
    language = next((value for value in nested if isinstance(value, dict)), whole)
    return _values(language)


def has_impossible_width(text: str) -> bool:
    """Tell whether `hidden_size` is a number that no integer column can hold."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return False
    if not isinstance(whole, dict) or any(isinstance(value, dict) for value in whole.values()):
        return False
    width = whole.get("hidden_size")
    # NaN is no multiple of anything and not within any bounds.
    return _is_number(width) and not (abs(width) < 9e15 and width % 1 == 0)


def _values(language: dict[str, Any]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for field, keys in STRUCTURAL.items():
        numbers = [language[key] for key in keys if _is_number(language.get(key))]
        whole = [int(number) for number in numbers if number % 1 == 0 and abs(number) < 9e15]
        found[field] = whole[0] if whole else None
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


class _Ambiguous(Exception):
    """JSON that some readers take and others refuse."""


def _refuse(_: str) -> None:
    raise _Ambiguous


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) < len(pairs):
        raise _Ambiguous
    return dict(pairs)
