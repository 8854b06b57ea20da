"""What the search for models reads: columns of what is known, packed for the browser.

Models with a score or a structure are in it. Texts that many models share are numbers into the list
`texts`; a value's origin is a number into the list `origins`; days are counted from 1970.
"""

import base64
import gzip
import json
from typing import Any

import duckdb

from report.names import benchmark
from report.rows import Row, grouped, some

#: Structural columns in the order shown, by the field of `structure_values` that holds them.
STRUCTURE = {
    "size": "parameters",
    "layers": "layers",
    "d_model": "d_model",
    "d_ffn": "d_ffn",
    "heads": "heads",
    "kv_heads": "kv_heads",
    "vocab_size": "vocab_size",
    "pos": "pos",
}
_TEXTS = ("architecture", "family", "license", "training_type", "date_source")
_PLAIN = ("model_id", "day", "likes", "downloads")
_FLAGS = ("is_moe", "is_multimodal", "is_quantized", "is_adapter", "is_official")
_IMPUTED = "imputed from models of its class and size"

LEADERBOARDS = {
    "open_llm_v1": "the first Open LLM Leaderboard",
    "open_llm_v2": "the second Open LLM Leaderboard",
    "bigcodebench": "BigCodeBench",
}

_MODELS = """
    with scored as (
        select model_id, min(training_type) as training_type
        from marts.benchmark_scores
        where leaderboard in $1
        group by model_id
    )

    select
        models.*, scored.training_type, date_diff('day', date '1970-01-01', models.date) as day,
        structures.size, structures.layers, structures.d_model, structures.d_ffn,
        structures.heads, structures.kv_heads, structures.vocab_size, structures.pos
    from marts.models as models
    left join scored using (model_id)
    left join marts.model_structures as structures using (model_id)
    where scored.model_id is not null or structures.layers is not null
    order by models.model_id
"""


def packed_models(connection: duckdb.DuckDBPyConnection) -> str:
    """Return what the search reads, as gzip in base64; without models that is no model."""
    models = some(connection, _MODELS, list(LEADERBOARDS))
    text = json.dumps(searched(connection, models), ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode(), compresslevel=9, mtime=0)).decode()


def unscored(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """Name the leaderboards of which the warehouse has no score."""
    found = some(connection, "select distinct leaderboard from marts.benchmark_scores order by all")
    there = {one["leaderboard"] for one in found}
    return [name for leaderboard, name in LEADERBOARDS.items() if leaderboard not in there]


def searched(connection: duckdb.DuckDBPyConnection, models: list[Row]) -> dict[str, Any]:
    """Return the columns of models, and what they point to."""
    place = {one["model_id"]: number for number, one in enumerate(models)}
    origins = _add_origins(connection, models, place)
    texts = sorted({one[name] for one in models for name in _TEXTS if one[name] is not None})
    number = {text: position for position, text in enumerate(texts)}
    columns: dict[str, list[Any]] = {name: [one[name] for one in models] for name in _PLAIN}
    for name in _TEXTS:
        columns[name] = [number.get(one[name]) for one in models]
    for name in _FLAGS:
        columns[name] = [None if one[name] is None else int(one[name]) for one in models]
    for name in STRUCTURE:
        columns[name] = [_short(one[name]) for one in models]
        columns[f"{name}_origin"] = [one["origins"].get(name) for one in models]
    return {
        "texts": texts,
        "origins": origins,
        "structure": list(STRUCTURE),
        "columns": columns,
        "benchmarks": _scores(connection, place),
        "layers": _layer_maps(connection),
    }


def _add_origins(
    connection: duckdb.DuckDBPyConnection, models: list[Row], place: dict[str, int]
) -> list[str]:
    """Give each model the origin of each structural value; fill in imputed ones; list origins."""
    origins: dict[str, int] = {}
    fields = {field: name for name, field in STRUCTURE.items()}
    chosen = some(
        connection,
        """
        select model_id, field, source, found, has_conflict
        from marts.structure_values
        where is_chosen and field in $1
        order by model_id, field
        """,
        list(fields),
    )
    for one in models:
        one["origins"] = {}
    for value in chosen:
        if value["model_id"] in place:
            text = f"{value['found'].replace('_', ' ')}, {value['source']}"
            text += "; sources disagree" if value["has_conflict"] else ""
            origin = origins.setdefault(text, len(origins))
            models[place[value["model_id"]]]["origins"][fields[value["field"]]] = origin
    imputed = some(
        connection,
        """
        select model_id, layers, d_model, d_ffn, heads, kv_heads, pos
        from marts.structure_performance
        where structure_tier = 'imputed'
        order by model_id
        """,
    )
    for values in imputed:
        if values["model_id"] in place:
            one = models[place[values["model_id"]]]
            for name in [name for name in values if name in STRUCTURE]:
                if one[name] is None and values[name] is not None:
                    one[name] = values[name]
                    one["origins"][name] = origins.setdefault(_IMPUTED, len(origins))
    return list(origins)


def _scores(connection: duckdb.DuckDBPyConnection, place: dict[str, int]) -> list[dict[str, Any]]:
    """Return each benchmark with the models that have a score on it, and when and how."""
    each = some(
        connection,
        """
        select leaderboard, benchmark, model_id, score,
            date_diff('day', date '1970-01-01', evaluated_on) as day, precision
        from marts.benchmark_scores
        where leaderboard in $1 and not coalesce(is_flagged, false)
        order by list_position($1, leaderboard), benchmark, model_id
        """,
        list(LEADERBOARDS),
    )
    each = [one for one in each if one["model_id"] in place]
    precisions = sorted({one["precision"] for one in each if one["precision"]})
    return [
        {
            "leaderboard": leaderboard,
            "name": benchmark(name),
            "models": [place[one["model_id"]] for one in part],
            "scores": [round(one["score"], 2) for one in part],
            "days": [one["day"] for one in part],
            "precision": [
                precisions.index(one["precision"]) if one["precision"] else None for one in part
            ],
            "precisions": precisions,
        }
        for (leaderboard, name), part in grouped(each, "leaderboard", "benchmark").items()
    ]


def _layer_maps(connection: duckdb.DuckDBPyConnection) -> dict[str, list[dict[str, Any]]]:
    """Return by model what was measured of its layers, a value each."""
    maps: dict[str, list[dict[str, Any]]] = {}
    for what, sql in _LAYERS.items():
        for (model, on), part in grouped(some(connection, sql), "model_id", "measured_on").items():
            values = [[one["layer"], _short(one["value"])] for one in part]
            maps.setdefault(model, []).append({"what": what, "on": benchmark(on), "values": values})
    return maps


_LAYERS = {
    "block influence": """
        select model_id, benchmark as measured_on, layer, block_influence as value
        from marts.block_influence
        qualify row_number() over (
            partition by model_id, benchmark, layer order by n_texts desc, result_key
        ) = 1
        order by all
    """,
    "relevance by accuracy": """
        select model_id, task as measured_on, layer, relevance as value
        from marts.layer_relevance
        where step = 0 and criterion = 'accuracy' and relevance is not null and unit = 'block'
        qualify row_number() over (
            partition by model_id, task, layer order by n_items desc, result_key
        ) = 1
        order by all
    """,
}


def _short(value: float | int | None) -> float | int | None:
    return float(f"{value:.4g}") if isinstance(value, float) else value
