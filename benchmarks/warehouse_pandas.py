"""The core of the warehouse in pandas, as one would write it by hand: the benchmark's baseline.

It reads a landing zone, resolves ids and configs, tells kinds and families by the same rule seeds,
chooses structures and scores, and computes the statistics of Table 1. It does less than the dbt
project: no lineage, no parameter counts, no imputation, no checks of single values, no tests.
"""

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from modelstrata.settings import DBT_PROJECT

_V1 = ["ARC", "HellaSwag", "MMLU", "TruthfulQA", "Winogrande", "GSM8K"]
_V2 = ["IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO"]
_FIELDS = ("d_model", "d_ffn", "heads", "layers", "kv_heads", "vocab_size", "pos", "head_dim")


def build(landing: Path) -> dict[str, pd.DataFrame]:
    """Return the tables `models`, `structures`, `scores` and `column_statistics` of a zone."""
    listings = _listings(_read(landing, "hub_models"))
    configs = _configs(_read(landing, "hub_configs"))
    v1 = _evaluations(
        _read(landing, "open_llm_leaderboard_v1"), "Model", "date", _V1, inverted=True
    )
    v2 = _evaluations(
        _read(landing, "open_llm_leaderboard_v2"),
        "fullname",
        "Submission Date",
        _V2,
        inverted=False,
    )
    ids = _spellings([listings, configs, v1, v2])
    for frame in (listings, configs, v1, v2):
        frame["model_id"] = frame["model_id"].str.lower().map(ids)
    listings = listings.sort_values("crawled_at", kind="stable")
    listings = listings.drop_duplicates("model_id", keep="last")
    structures = _structures(configs)
    models = listings.merge(configs.drop_duplicates("model_id"), "outer", "model_id")
    known = pd.concat([v1[["model_id"]], v2[["model_id"]]]).drop_duplicates()
    models = models.merge(known, "outer", "model_id", suffixes=("", "_config"))
    for column in ("architecture", "model_type"):
        models[column] = models[f"{column}_y"].combine_first(models[f"{column}_x"])
    models = _kinds(models)
    models["family"] = _families(models)
    scores = pd.concat([_long(v1, _V1), _long(v2, _V2)])
    counted = models[["model_id", "size", "downloads", "likes"]]
    wide = structures.merge(counted, "left", "model_id")
    return {
        "models": models,
        "structures": structures,
        "scores": scores,
        "column_statistics": _statistics(wide),
    }


def _read(landing: Path, table: str) -> pd.DataFrame:
    files = [p for p in sorted((landing / table).glob("*.parquet")) if p.stem != "0-schema"]
    return pd.concat([pd.read_parquet(path) for path in files], ignore_index=True)


def _listings(frame: pd.DataFrame) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    for payload in frame["payload"]:
        listing = json.loads(payload)
        config = listing.get("config") or {}
        tags = listing.get("tags") or []
        rows.append(
            {
                "created_on": listing.get("createdAt"),
                "downloads": listing.get("downloads"),
                "likes": listing.get("likes"),
                "pipeline_tag": listing.get("pipeline_tag"),
                "architecture": (config.get("architectures") or [None])[0],
                "model_type": config.get("model_type"),
                "size": ((listing.get("safetensors") or {}).get("total") or float("nan")) / 1e9,
                "license": next((t[8:] for t in tags if t.startswith("license:")), None),
                "tags": tags,
            }
        )
    listings = pd.DataFrame(rows)
    listings["created_on"] = pd.to_datetime(listings["created_on"], errors="coerce", utc=True)
    return pd.concat([frame[["model_id", "crawled_at"]], listings], axis=1)


def _configs(frame: pd.DataFrame) -> pd.DataFrame:
    spellings = pd.read_csv(DBT_PROJECT / "seeds" / "config_fields.csv")
    general = spellings[spellings["model_type"].isna()].sort_values("preference")
    keys = {field: list(general.loc[general["field"] == field, "json_path"]) for field in _FIELDS}
    levels = list(general.loc[general["field"] == "language_config", "json_path"])
    rows: list[dict[str, Any]] = []
    for text in frame["config"]:
        try:
            config = json.loads(text)
        except ValueError:
            config = {}
        config = config if isinstance(config, dict) else {}
        level = next((config[k] for k in levels if isinstance(config.get(k), dict)), config)
        row = {
            field: next((level[k] for k in names if isinstance(level.get(k), int | float)), None)
            for field, names in keys.items()
        }
        row["architecture"] = (config.get("architectures") or [None])[0]
        row["model_type"] = config.get("model_type")
        rows.append(row)
    return pd.concat([frame[["model_id", "source", "fetched_at"]], pd.DataFrame(rows)], axis=1)


def _evaluations(
    frame: pd.DataFrame, model: str, date: str, names: list[str], *, inverted: bool
) -> pd.DataFrame:
    frame = frame.rename(columns={model: "model_id"})
    frame["model_id"] = frame["model_id"].str.replace(r"\s+has been flagged.*$", "", regex=True)
    frame["model_id"] = frame["model_id"].str.strip()
    frame["is_flagged"] = ~frame["Flagged"] if inverted else frame["Flagged"].eq(True)
    frame["evaluated_on"] = pd.to_datetime(frame[date], errors="coerce", utc=True, format="mixed")
    stated = frame["Average ⬆️"]
    frame = frame[(stated - frame[names].mean(axis=1)).abs() <= 0.1].drop_duplicates()
    rank = frame["Precision"].map({"bfloat16": 0, "float16": 1, "8bit": 2}).fillna(3)
    frame = frame.assign(rank=rank).sort_values(
        ["model_id", "is_flagged", "rank", "evaluated_on"], ascending=[True, True, True, False]
    )
    return frame


def _spellings(frames: list[pd.DataFrame]) -> dict[str, str]:
    seen = pd.concat([frame["model_id"] for frame in frames]).dropna()
    counts = seen.value_counts().rename_axis("model_id").reset_index()
    counts["key"] = counts["model_id"].str.lower()
    return dict(counts.drop_duplicates("key")[["key", "model_id"]].to_numpy())


def _structures(configs: pd.DataFrame) -> pd.DataFrame:
    trusted = configs.sort_values(["model_id", "source", "fetched_at"])
    return trusted.groupby("model_id", as_index=False)[list(_FIELDS)].first()


def _kinds(models: pd.DataFrame) -> pd.DataFrame:
    rules = pd.read_csv(DBT_PROJECT / "seeds" / "model_kind_rules.csv")
    names = models["model_id"].str.split("/").str[-1]
    texts = {
        "name": names,
        "architecture": models["architecture"],
        "model_type": models["model_type"],
        "pipeline_tag": models["pipeline_tag"],
        "tag": models["tags"],
    }
    for kind in ("moe", "multimodal", "quantized", "adapter", "embedding", "decoder", "encoder"):
        found = pd.Series(data=False, index=models.index)
        chosen = rules.loc[rules["kind"] == kind, ["evidence", "pattern"]]
        for evidence, pattern in chosen.to_numpy():
            if evidence in texts:
                found |= texts[evidence].map(partial(_matches, re.compile(pattern)))
        models[f"is_{kind}"] = found
    return models


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    texts = text if isinstance(text, list) else [text]
    return any(isinstance(text, str) and pattern.search(text) for text in texts)


def _families(models: pd.DataFrame) -> pd.Series:
    rules = pd.read_csv(DBT_PROJECT / "seeds" / "family_rules.csv", keep_default_na=False)
    classes = (
        models["architecture"].fillna("") + " " + models["model_type"].fillna("")
    ).str.lower()
    by_name = rules[rules["evidence"] == "name"]
    compiled = [
        (family, re.compile(pattern), re.compile(class_pattern) if class_pattern else None)
        for family, pattern, class_pattern in by_name[
            ["family", "pattern", "class_pattern"]
        ].to_numpy()
    ]
    found = []
    for model_id, text in zip(models["model_id"], classes, strict=True):
        name = str(model_id).rsplit("/", 1)[-1]
        families = {
            family
            for family, pattern, class_pattern in compiled
            if (class_pattern is None or not text.strip() or class_pattern.search(text))
            and pattern.search(name)
        }
        found.append(families.pop() if len(families) == 1 else None)
    return pd.Series(found, index=models.index)


def _long(frame: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    best = frame.drop_duplicates("model_id")
    return best.melt("model_id", names, "benchmark", "score").dropna()


def _statistics(wide: pd.DataFrame) -> pd.DataFrame:
    columns = wide[[*_FIELDS[:-1], "size", "downloads", "likes"]].apply(
        pd.to_numeric, errors="coerce"
    )
    return pd.DataFrame(
        {
            "mean": columns.mean(),
            "mode": columns.mode().iloc[0],
            "q1": columns.quantile(0.25),
            "q2": columns.quantile(0.5),
            "q3": columns.quantile(0.75),
            "max": columns.max(),
            "skewness": columns.skew(),
            "kurtosis": columns.kurt(),
            "miss_rate": columns.isna().mean() * 100,
        }
    )
