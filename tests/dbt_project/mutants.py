"""Ten thousand configs with random damage, the same ones each time."""

import copy
import functools
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from extract.land_snapshot import SNAPSHOT
from tests.dbt_project.odd_zone import BAD_IDS

N = 10_000
SOURCE = "by hand"
OWN_BASES: list[dict[str, Any]] = [
    {"hidden_size": 4096, "num_hidden_layers": 32, "num_attention_heads": 32, "vocab_size": 32000},
    {"n_embd": 768, "n_layer": 12, "n_head": 12, "n_inner": None, "n_positions": 1024},
    {"d_model": 512, "num_layers": 6, "num_heads": 8, "d_ff": 2048, "model_type": "t5"},
    {
        "model_type": "llava",
        "text_config": {"hidden_size": 2048, "num_hidden_layers": 24, "num_attention_heads": 16},
        "vision_config": {"hidden_size": 1024, "num_hidden_layers": 24},
    },
    {
        "model_type": "somebody's",
        "llm_config": {"model_type": "qwen2", "hidden_size": 896, "num_key_value_heads": 2},
        "vision_config": {"hidden_size": 1024},
    },
    {
        "model_type": "mpt",
        "d_model": 4096,
        "n_layers": 32,
        "n_heads": 32,
        "expansion_ratio": 4,
        "max_seq_len": 2048,
        "attn_config": {"kv_n_heads": 8, "alibi": True},
    },
    {"model_type": "qwen", "hidden_size": 4096, "intermediate_size": 22016, "num_layers": 32},
    {"model_type": "mixtral", "num_local_experts": 8, "intermediate_size": 14336, "n_ctx": 1},
]
ODD_VALUES: list[Any] = [
    "4096", " 4096 ", "4096.0", "4e3", "40.5", "", "4096\u0000", "４０９６", "٤٠٩٦", "💥", "NaN",
    True, False, None, [], [1, 2], [[1]], [8, 8, 8], [8, None], [8.0, 8], [2.5, 2.5], ["8"], {},
    {"a": 1}, 0, -1, -4096, 1.5, 4096.0, 4.096e3, 5_000_000, 2**53, 2**62, 2**63 - 1, 2**63,
    2**64 - 1, 2**64, 10**30, 1e15, 1e18, 1e19, 1e300, -1e300, 1e-300,
    float("nan"), float("inf"), float("-inf"), 10**400,
]  # fmt: skip
KEYS = [
    "hidden_size", "n_embd", "d_model", "dim", "num_hidden_layers", "n_layer", "num_heads",
    "num_attention_heads", "num_key_value_heads", "intermediate_size", "n_inner", "vocab_size",
    "head_dim", "kv_lora_rank", "num_experts", "tie_word_embeddings", "attn_config", "text_config",
    "llm_config", "language_config", "vision_config", "audio_config", "model_type", "architectures",
    "quantization_config", "x'; drop table models; --", "é", "",
]  # fmt: skip
NESTS = ["text_config", "llm_config", "language_config", "attn_config", "vision_config", "decoder"]
#: Texts that the generator hits rarely or never.
FIXED = [
    "", " ", "null", "true", '"text"', "4096", "[]", "[{}]", "{}", "NaN",
    "{'hidden_size': 64}",
    "\ufeff" + json.dumps(OWN_BASES[0]),
    '{"hidden\\u005fsize": 64}',
    '{"text\\u005fconfig": {"hidden_size": 64}, "hidden_size": 1}',
    '{"hidden_size": 64, "note": "\\ud800"}',
    '{"hidden_size": 64, "note": "\x07"}',
    '{"a\\u0000b": 1, "hidden_size": 64}',
    '{"n_embd": 4000000000000000000, "n_inner": null}',
    '{"model_type": ["llama"], "architectures": "Llama", "hidden_size": 64}',
    '{"architectures": [null], "model_type": 7, "hidden_size": 64}',
    '{"text_config": null, "hidden_size": 64}',
    '{"text_config": [], "llm_config": {"hidden_size": 64}, "hidden_size": 1}',
]  # fmt: skip

_64: tuple[int, dict[str, str]] = (64, {})
#: Text by name, and its d_model with reasons by key, or why it is set aside whole.
EXTREME: dict[str, tuple[Callable[[], str | None], tuple[int | None, dict[str, str]] | str]] = {
    "no-text": (lambda: None, "invalid_json"),
    "empty": (lambda: "", "invalid_json"),
    "blank": (lambda: " \n", "invalid_json"),
    "only-a-mark": (lambda: "\ufeff", "invalid_json"),
    "byte-order-mark": (lambda: '\ufeff{"hidden_size": 64}', _64),
    "lone-surrogate": (lambda: '{"hidden_size": 64, "x": "\\ud800"}', "invalid_json"),
    "control-character": (lambda: '{"hidden_size": 64, "x": "\x07"}', "invalid_json"),
    "escaped-key": (lambda: '{"hidden\\u005fsize": 64}', _64),
    "escaped-level": (lambda: '{"llm\\u005fconfig": {"hidden_size": 64}, "hidden_size": 1}', _64),
    "nan": (lambda: '{"hidden_size": NaN}', (None, {"hidden_size": "not_finite"})),
    "small-nan": (lambda: '{"hidden_size": nan}', (None, {"hidden_size": "not_finite"})),
    "infinity": (lambda: '{"hidden_size": -Infinity}', (None, {"hidden_size": "not_finite"})),
    "another-key": (
        lambda: '{"hidden_size": NaN, "n_embd": 64}',
        (64, {"hidden_size": "not_finite"}),
    ),
    "huge": (
        lambda: '{"hidden_size": 6' + "0" * 40 + "}",
        (None, {"hidden_size": "impossible_value"}),
    ),
    "huger": (
        lambda: '{"hidden_size": 6' + "0" * 4000 + "}",
        (None, {"hidden_size": "impossible_value"}),
    ),
    "object": (lambda: '{"hidden_size": {}}', (None, {"hidden_size": "wrong_type"})),
    "lists": (lambda: '{"hidden_size": [[64]]}', (None, {"hidden_size": "varies_by_layer"})),
    "empty-list": (lambda: '{"hidden_size": []}', (None, {"hidden_size": "varies_by_layer"})),
    "wide-digits": (lambda: '{"hidden_size": "６４"}', (None, {"hidden_size": "wrong_type"})),
    "arabic-digits": (lambda: '{"hidden_size": "٦٤"}', (None, {"hidden_size": "wrong_type"})),
    "odd-bias": (
        lambda: '{"hidden_size": 64, "attention_bias": "yes"}',
        (64, {"attention_bias": "wrong_type"}),
    ),
    "odd-inner-value": (
        lambda: '{"model_type": "mpt", "d_model": 64, "attn_config": {"kv_n_heads": 1.5}}',
        (64, {"attn_config.kv_n_heads": "not_an_integer"}),
    ),
    # Of a repeated key the first counts; where that is no plain number, the last.
    "repeated": (
        lambda: '{"hidden_size": "x", "hidden_size": "64"}',
        (64, {"hidden_size": "wrong_type"}),
    ),
    "repeated-and-odd": (
        lambda: '{"hidden_size": 64, "hidden_size": "x"}',
        (64, {}),
    ),
    "deep": (lambda: '{"x":' * 1000 + "1" + "}" * 1000, (None, {})),
    "deep-lists": (
        lambda: '{"hidden_size": 64, "x": ' + "[" * 100_000 + "]" * 100_000 + "}",
        _64,
    ),
    "deep-levels": (
        lambda: '{"text_config":' * 1000 + '{"hidden_size": 64}' + "}" * 1000,
        (None, {}),
    ),
    "50-megabytes": (lambda: _large("64"), _64),
    "50-megabytes-and-odd": (lambda: _large('"64"'), _64),
}


def _large(width: str) -> str:
    """Return 25 MB of small values and a text of 25 MB, and the width behind them."""
    many = ", ".join(f'"layer.{number}": [{number}, "fp8"]' for number in range(750_000))
    return f'{{"quantization_config": {{{many}}}, "pad": "{"x" * 25_000_000}", "hidden_size": {width}}}'


class Mutant(NamedTuple):
    """A landed record: a config's text, or its bytes where they are no UTF-8."""

    model_id: str
    text: str | None
    raw: bytes | None
    completeness: str


@functools.cache
def mutants() -> list[Mutant]:
    """Return the same mutants each time; `record_id` numbers them."""
    generator = random.Random(20261121)
    bases = [json.dumps(base) for base in OWN_BASES] + verbatim_configs()
    mutants = [Mutant(f"fixed/{number}", text, None, "verbatim") for number, text in enumerate(FIXED)]
    while len(mutants) < N:
        model = _model_id(generator, len(mutants))
        base = generator.choice(bases[: len(OWN_BASES)] if generator.random() < 0.7 else bases)
        text = _damaged(generator, base)
        completeness = generator.choice(["partial", "verbatim"])
        raw = None
        if generator.random() < 0.02:
            data = text.encode()
            at = generator.randrange(len(data) + 1)
            raw = data[:at] + generator.choice([b"\xff", b"\xc3(", b"\xed\xa0\x80"]) + data[at:]
        mutants.append(Mutant(model, None if raw else text, raw, completeness))
    return mutants


def verbatim_configs() -> list[str]:
    """Return real config.json files."""
    table = pq.read_table(SNAPSHOT / "hub_configs.parquet").to_pylist()
    texts = [row["config"] for row in table if row["completeness"] == "verbatim"]
    return sorted(text for text in texts if len(text) < 4000)


def record_id(number: int) -> str:
    """Return where the mutant stands in the landing zone."""
    return f"mutants:{number}"


def fill(landing: Path) -> None:
    """Land the mutants as one batch, the extreme texts as another."""
    extreme = [Mutant(f"extreme/{name}", text(), None, "partial") for name, (text, _) in EXTREME.items()]
    for batch, records in (("mutants", mutants()), ("extreme", extreme)):
        _land(landing / "hub_configs" / f"{batch}.parquet", records)


def _land(path: Path, records: list[Mutant]) -> None:
    rows = [
        {
            "model_id": record.model_id,
            "config": record.text,
            "raw": record.raw,
            "source": SOURCE,
            "completeness": record.completeness,
        }
        for record in records
    ]
    schema = pa.schema(
        {
            "model_id": pa.string(),
            "config": pa.string(),
            "raw": pa.binary(),
            "source": pa.string(),
            "fetched_at": pa.timestamp("us", "UTC"),
            "completeness": pa.string(),
        }
    )
    table = pa.Table.from_pylist(rows, schema=schema)
    pq.write_table(table, path)


def _model_id(generator: random.Random, number: int) -> str:
    """Return an id of its own, an odd one, or another spelling or copy of one before."""
    chance = generator.random()
    if chance < 0.02:
        return generator.choice(BAD_IDS)
    if chance < 0.05:
        spellings: list[Callable[[str], str]] = [str, str.upper, str.title]
        return generator.choice(spellings)(f"mutant/{generator.randrange(number):05}")
    return f"mutant/{number:05}"


def _damaged(generator: random.Random, base: str) -> str:
    whole = json.loads(base)
    damages = [_revalue, _revalue, _rename, _nest, _add]
    for _ in range(generator.randint(0, 3)):
        generator.choice(damages)(generator, whole)
    text = json.dumps(
        whole,
        ensure_ascii=generator.random() < 0.5,
        indent=generator.choice([None, None, 2]),
        separators=generator.choice([None, (",", ":")]),
    )
    chance = generator.random()
    if chance < 0.10:
        at = generator.randrange(len(text))
        cut = generator.choice(["", "\\", '"', "}", ",", "\u2028", "\x07", "\\ud800"])
        return text[:at] + cut + text[at + generator.randint(0, 1) :]
    if chance < 0.15:
        return text[: generator.randrange(len(text))]
    if chance < 0.20:
        return "\ufeff" + text
    if chance < 0.25 and "_" in text:
        return text.replace("_", "\\u005f", generator.randint(1, 3))
    if chance < 0.30 and text.startswith("{"):
        # The same key twice.
        value = json.dumps(generator.choice(ODD_VALUES))
        return "{" + f'"{generator.choice(KEYS[:12])}": {value}, ' + text[1:]
    return text


def _inner(generator: random.Random, whole: dict[str, Any]) -> dict[str, Any]:
    inside = [value for value in whole.values() if isinstance(value, dict)]
    return generator.choice(inside) if inside and generator.random() < 0.6 else whole


def _revalue(generator: random.Random, whole: dict[str, Any]) -> None:
    place = _inner(generator, whole)
    numbers = [key for key, value in place.items() if type(value) is int] or list(place)
    if numbers:
        place[generator.choice(numbers)] = copy.deepcopy(generator.choice(ODD_VALUES))


def _rename(generator: random.Random, whole: dict[str, Any]) -> None:
    place = _inner(generator, whole)
    if place:
        value = place.pop(generator.choice(list(place)))
        place[generator.choice(KEYS)] = value


def _nest(generator: random.Random, whole: dict[str, Any]) -> None:
    inside = dict(whole)
    if generator.random() < 0.5:
        whole.clear()
    whole[generator.choice(NESTS)] = inside


def _add(generator: random.Random, whole: dict[str, Any]) -> None:
    value = copy.deepcopy(generator.choice([*ODD_VALUES, "llama"]))
    _inner(generator, whole)[generator.choice(KEYS)] = value
