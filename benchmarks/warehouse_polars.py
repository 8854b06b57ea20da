"""The core of the warehouse in polars, as one would write it by hand: the tables of the pandas one.

JSON is decoded into the few fields that are read, rules are expressions, and the streaming engine
runs both piece by piece. What is read often is collected once: a single lazy plan decodes the JSON
anew for each use. Rust's regular expressions know no lookaround; no rule of the seeds has any.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from modelstrata.settings import DBT_PROJECT

_V1 = ["ARC", "HellaSwag", "MMLU", "TruthfulQA", "Winogrande", "GSM8K"]
_V2 = ["IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO"]
_FIELDS = ("d_model", "d_ffn", "heads", "layers", "kv_heads", "vocab_size", "pos", "head_dim")
_CLASS = {"architectures": pl.List(pl.String), "model_type": pl.String()}
_TAG_LINES = pl.col("tags").list.join("\n")
_LISTING = pl.Struct(
    {
        "createdAt": pl.String,
        "downloads": pl.Int64,
        "likes": pl.Int64,
        "pipeline_tag": pl.String,
        "tags": pl.List(pl.String),
        "config": pl.Struct(_CLASS),
        "safetensors": pl.Struct({"total": pl.Float64}),
    }
)


# Pieces of the usual size hold all of a column of JSON here, and take twice the memory.
@pl.Config(streaming_chunk_size=10_000)
def build(landing: Path) -> dict[str, pl.DataFrame]:
    """Return the tables `models`, `structures`, `scores` and `column_statistics` of a zone."""
    v1 = _scan(landing, "open_llm_leaderboard_v1").rename({"Model": "model_id"})
    v2 = _scan(landing, "open_llm_leaderboard_v2").rename({"fullname": "model_id"})
    lazy = [
        _listings(_scan(landing, "hub_models")),
        _configs(_scan(landing, "hub_configs")),
        _evaluations(v1, "date", _V1, ~pl.col("Flagged")),
        _evaluations(v2, "Submission Date", _V2, pl.col("Flagged").fill_null(value=False)),
    ]
    listings, configs, *boards = _spelled(pl.collect_all(lazy, engine="streaming"))
    listings = listings.sort("crawled_at", maintain_order=True).unique("model_id", keep="last")
    first = configs.unique("model_id", keep="first")
    known = pl.concat([board.select("model_id") for board in boards]).unique()
    models = (
        listings.join(first, "model_id", "full", coalesce=True, suffix="_y")
        .join(known, "model_id", "full", coalesce=True)
        .with_columns(pl.coalesce(f"{c}_y", c).alias(c) for c in ("architecture", "model_type"))
        .drop("architecture_y", "model_type_y")
    )
    trusted = configs.sort("model_id", "source", "fetched_at", maintain_order=True)
    structures = trusted.group_by("model_id").agg(pl.col(_FIELDS).drop_nulls().first())
    counted = listings.select("model_id", "size", "downloads", "likes")
    return {
        "models": _classified(models.lazy()).collect(engine="streaming"),
        "structures": structures,
        "scores": pl.concat([_long(b, names) for b, names in zip(boards, (_V1, _V2), strict=True)]),
        "column_statistics": _statistics(structures.join(counted, "model_id", "left")),
    }


def _scan(landing: Path, table: str) -> pl.LazyFrame:
    files = [p for p in sorted((landing / table).glob("*.parquet")) if p.stem != "0-schema"]
    return pl.scan_parquet(files)


def _listings(frame: pl.LazyFrame) -> pl.LazyFrame:
    created = pl.col("createdAt").str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%#z", strict=False)
    return (
        frame.select("model_id", "crawled_at", pl.col("payload").str.json_decode(_LISTING))
        .unnest("payload")
        .unnest("config", "safetensors")
        .with_columns(
            pl.col("tags").fill_null([]),
            created_on=created,
            architecture=pl.col("architectures").list.first(),
            size=pl.col("total") / 1e9,
            license=_TAG_LINES.str.extract("(?m)^license:(.*)$"),
        )
        .drop("createdAt", "architectures", "total")
    )


def _configs(frame: pl.LazyFrame) -> pl.LazyFrame:
    seed = pl.read_csv(DBT_PROJECT / "seeds" / "config_fields.csv")
    general = seed.filter(pl.col("model_type").is_null()).sort("preference")
    keys = {f: general.filter(field=f)["json_path"].to_list() for f in _FIELDS}
    levels = general.filter(field="language_config")["json_path"].to_list()
    numbers = {key: pl.Float64() for names in keys.values() for key in names}
    dtype = pl.Struct({**_CLASS, **numbers, **dict.fromkeys(levels, pl.Struct(numbers))})
    decode = partial(_decoded, dtype=dtype)
    level = pl.col("level").struct
    return (
        frame.with_columns(pl.col("config").map_batches(decode, dtype, is_elementwise=True))
        .unnest("config")
        .with_columns(level=pl.coalesce(*levels, pl.struct(*numbers)))
        .select(
            *("model_id", "source", "fetched_at", "model_type"),
            pl.col("architectures").list.first().alias("architecture"),
            *(pl.coalesce(level.field(*names)).alias(field) for field, names in keys.items()),
        )
    )


def _decoded(texts: pl.Series, dtype: pl.Struct) -> pl.Series:
    """Decode configs; a text or value of another type fails a whole piece, so Python reads that."""
    try:
        return texts.str.json_decode(dtype)
    except pl.exceptions.ComputeError:
        return pl.Series([_fitting(text, dtype) for text in texts], dtype=dtype, strict=False)


def _fitting(text: str, dtype: pl.Struct) -> Any:
    def fit(value: Any, dtype: Any) -> Any:
        if isinstance(dtype, pl.Struct) and isinstance(value, dict):
            return {field.name: fit(value.get(field.name), field.dtype) for field in dtype.fields}
        kinds = {pl.Float64: (int, float), pl.String: (str,), pl.List: (list,)}
        return value if isinstance(value, kinds.get(dtype.base_type(), ())) else None

    try:
        return fit(json.loads(text), dtype)
    except ValueError:
        return None


def _evaluations(
    frame: pl.LazyFrame, date: str, names: list[str], is_flagged: pl.Expr
) -> pl.LazyFrame:
    day = pl.col(date).str.strip_suffix("Z")
    rank = pl.col("Precision").replace_strict({"bfloat16": 0, "float16": 1, "8bit": 2}, default=3)
    formats = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d")
    return (
        frame.with_columns(
            pl.col("model_id").str.replace(r"\s+has been flagged.*$", "").str.strip_chars(),
            is_flagged=is_flagged,
            evaluated_on=pl.coalesce(day.str.to_datetime(f, strict=False) for f in formats),
        )
        .filter((pl.col("Average ⬆️") - pl.mean_horizontal(names)).abs() <= 0.1)
        .unique(maintain_order=True)
        .sort(
            *("model_id", "is_flagged", rank, "evaluated_on"),
            descending=[False, False, False, True],
            nulls_last=True,
            maintain_order=True,
        )
    )


def _spelled(frames: list[pl.DataFrame]) -> list[pl.DataFrame]:
    """Write each id in its commonest spelling."""
    key = pl.col("model_id").str.to_lowercase().alias("key")
    ids = (
        pl.concat([frame.select("model_id") for frame in frames])
        .group_by("model_id", maintain_order=True)
        .len()
        .sort("len", descending=True, maintain_order=True)
        .with_columns(key)
        .unique("key", keep="first")
        .drop("len")
    )
    keyed = [frame.select(key, pl.exclude("model_id")) for frame in frames]
    return [frame.join(ids, "key", "left", maintain_order="left").drop("key") for frame in keyed]


def _classified(models: pl.LazyFrame) -> pl.LazyFrame:
    """Tell kinds and families; texts that many rules read are made once."""
    classes = pl.concat_str(pl.col("architecture", "model_type").fill_null(""), separator=" ")
    name = pl.col("model_id").str.split("/").list.last()
    return (
        models.with_columns(name=name, classes=classes.str.to_lowercase(), tag=_TAG_LINES)
        .with_columns(*_kinds(), family=_family())
        .select("model_id", pl.exclude("model_id", "name", "classes", "tag"))
    )


def _kinds() -> list[pl.Expr]:
    rules = pl.read_csv(DBT_PROJECT / "seeds" / "model_kind_rules.csv")
    kinds = []
    for kind in ("moe", "multimodal", "quantized", "adapter", "embedding", "decoder", "encoder"):
        # Tags are one a line, so that a rule reads them as it reads a name.
        found = [
            pl.col(evidence).str.contains(f"(?m){pattern}")
            for evidence, pattern in rules.filter(kind=kind).select("evidence", "pattern").rows()
            if evidence in ("name", "architecture", "model_type", "pipeline_tag", "tag")
        ]
        kinds.append(pl.any_horizontal(found).fill_null(value=False).alias(f"is_{kind}"))
    return kinds


def _family() -> pl.Expr:
    rules = pl.read_csv(DBT_PROJECT / "seeds" / "family_rules.csv", empty_string_is_null=False)
    by_name = rules.filter(evidence="name").select("family", "pattern", "class_pattern")
    hits: dict[str, pl.Expr] = {}
    for family, pattern, class_pattern in by_name.iter_rows():
        hit = pl.col("name").str.contains(pattern)
        if class_pattern:
            # Without a class and a type the two, joined by a blank, are that blank.
            hit &= (pl.col("classes") == " ") | pl.col("classes").str.contains(class_pattern)
        hits[family] = hits[family] | hit if family in hits else hit
    first = pl.coalesce(pl.when(hit).then(pl.lit(family)) for family, hit in hits.items())
    return pl.when(pl.sum_horizontal(hits.values()) == 1).then(first)


def _long(board: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    best = board.unique("model_id", keep="first", maintain_order=True)
    long = best.unpivot(names, index="model_id", variable_name="benchmark", value_name="score")
    return long.drop_nulls()


def _statistics(wide: pl.DataFrame) -> pl.DataFrame:
    value = pl.col("value")
    return (
        wide.select(pl.col(*_FIELDS[:-1], "size", "downloads", "likes").cast(pl.Float64))
        .unpivot(variable_name="column", value_name="value")
        .group_by("column", maintain_order=True)
        .agg(
            mean=value.mean(),
            mode=value.drop_nulls().mode().min(),
            **{f"q{n}": value.quantile(n / 4, "linear") for n in (1, 2, 3)},
            max=value.max(),
            skewness=value.drop_nulls().skew(bias=False),
            kurtosis=value.drop_nulls().kurtosis(bias=False),
            miss_rate=value.is_null().mean() * 100,
        )
    )
