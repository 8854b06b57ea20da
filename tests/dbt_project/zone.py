"""A landing zone made by hand: rows with sensible defaults, written as Parquet batches."""

import json
from pathlib import Path
from typing import Any

import duckdb

from modelstrata.landing_schema import LANDING_TABLES

Row = dict[str, Any]

V1_SCORES = ("ARC", "HellaSwag", "MMLU", "TruthfulQA", "Winogrande", "GSM8K")
V2_SCORES = ("IFEval", "BBH", "MATH Lvl 5", "GPQA", "MUSR", "MMLU-PRO")


def land(landing: Path, table: str, batch: str, rows: list[Row], **extra: str) -> None:
    """Write rows as one batch; `extra` names columns beyond the table's with their types."""
    columns = {**LANDING_TABLES[table], **extra}
    target = landing / table / f"{batch}.parquet"
    target.parent.mkdir(parents=True, exist_ok=True)
    declared = ", ".join(f'"{name}" {kind}' for name, kind in columns.items())
    marks = ", ".join("?" for _ in columns)
    with duckdb.connect() as connection:
        connection.execute(f"create table landed ({declared})")
        values = [[row.get(name) for name in columns] for row in rows]
        if values:
            connection.executemany(f"insert into landed values ({marks})", values)
        connection.table("landed").write_parquet(str(target))


def config(
    model: str | None, text: object, source: str | None = "llmfit-1.1.17", **more: Any
) -> Row:
    """Return a row of `hub_configs`; anything but text is written as JSON."""
    return {
        "model_id": model,
        "config": text if isinstance(text, str) or text is None else json.dumps(text),
        "source": source,
        "fetched_at": "2026-10-05 00:00:00+00",
        "completeness": "partial",
        **more,
    }


def listing(model: str | None, payload: object, crawled: str = "2026-10-05", **more: Any) -> Row:
    """Return a row of `hub_models`; anything but text is written as JSON."""
    return {
        "model_id": model,
        "payload": payload if isinstance(payload, str) else json.dumps(payload),
        "source": "by hand",
        "crawled_at": f"{crawled} 00:00:00+00",
        **more,
    }


def v1(model: str, base: float = 50.0, **more: Any) -> Row:
    """Return a row of the first leaderboard as published: true means not flagged.

    The six scores are base, base + 1, …, base + 5.
    """
    scores = {name: base + step for step, name in enumerate(V1_SCORES)}
    row: Row = {
        "T": "🔶",
        "Model": model,
        **scores,
        "Architecture": "LlamaForCausalLM",
        "Weight type": "Original",
        "Precision": "bfloat16",
        "Merged": True,
        "MoE": True,
        "Flagged": True,
        "#Params (B)": 7,
        "date": "2024-03-01T00:00:00Z",
        **more,
    }
    return _with_average(row, V1_SCORES)


def link(model: str) -> str:
    """Return a model's cell of the second leaderboard: a link to it and one to its details."""
    details = f"datasets/open-llm-leaderboard/{model.replace('/', '__')}-details"
    style = 'style="color: var(--link-text-color)"'
    return (
        f'<a target="_blank" href="https://huggingface.co/{model}" {style}>{model}</a>  '
        f'<a target="_blank" href="https://huggingface.co/{details}" {style}>📑</a>'
    )


def v2(fullname: str | None, base: float = 30.0, **more: Any) -> Row:
    """Return a row of the second leaderboard."""
    scores = {name: base + step for step, name in enumerate(V2_SCORES)}
    row: Row = {
        "fullname": fullname,
        **scores,
        **{f"{name} Raw": 0.5 for name in V2_SCORES},
        "Precision": "bfloat16",
        "Weight type": "Original",
        "Flagged": False,
        "#Params (B)": 7.242,
        "Submission Date": "2024-08-05",
        **more,
    }
    return _with_average(row, V2_SCORES)


def _with_average(row: Row, names: tuple[str, ...]) -> Row:
    if "Average ⬆️" in row:
        return row
    return {**row, "Average ⬆️": sum(row[name] for name in names) / 6}


def code(name: str | None, link: str | None, split: str = "full", **more: Any) -> Row:
    """Return a row of BigCodeBench."""
    return {"split": split, "name": name, "link": link, "complete": 40.0, "instruct": 30.0, **more}


def compute(model: str, source: str | None = "ObsScaling", tokens: float = 2.0) -> Row:
    """Return a row of `pretraining_compute`."""
    return {"model_id": model, "tokens_t": tokens, "flops_1e21": 84.0, "source": source}
