"""Published warehouses made by hand: small, with the marts' real names and columns."""

import json
from collections.abc import Sequence
from pathlib import Path

import duckdb

FINGERPRINT = "0123456789abcdef" * 4
STRUCTURE = "size, d_model, d_ffn, heads, layers, kv_heads, vocab_size, pos"
BENCHMARKS = ("arc_challenge", "hellaswag", "mmlu", "truthfulqa", "winogrande", "gsm8k")
SCORES = ", ".join(f"max(score) filter (where benchmark = '{b}') as {b}" for b in BENCHMARKS)
#: Each mart's rows for `n` models, its key, and what it quotes.
MARTS = {
    "models": (
        "select 'lab/model-' || i as model_id, 'LlamaForCausalLM' as architecture, "
        "100 * i as downloads, nullif(i % 7, 0) as likes, date '2024-01-01' + i::int as date "
        "from range({n}) as r(i)",
        ["model_id"],
        "hub_models",
    ),
    "model_structures": (
        "select 'lab/model-' || i as model_id, i / 2 as size, 64 * i as d_model, 256 * i as d_ffn, "
        "8 as heads, i as layers, 4 as kv_heads, 32000 as vocab_size, 2048 as pos "
        "from range(1, {n}) as r(i)",
        ["model_id"],
        "hub_models hub_configs",
    ),
    "benchmark_scores": (
        "select 'lab/model-' || i as model_id, benchmark, 'open_llm_v1' as leaderboard, "
        "(i * 7 + b) % 100 + 0.5 as score, i = 3 as is_flagged from range({n}) as r(i), "
        f"unnest({list(BENCHMARKS)}) with ordinality as t(benchmark, b)",
        ["model_id", "benchmark", "leaderboard"],
        "open_llm_leaderboard_v1",
    ),
    "structure_performance": (
        "select model_id, if(layers % 2 = 0, 'exact', 'imputed') as structure_tier, "
        f"{STRUCTURE}, likes, downloads, date, s.* exclude (model_id) "
        "from marts.model_structures join marts.models using (model_id) "
        f"join (select model_id, {SCORES} from marts.benchmark_scores group by all) as s "
        "using (model_id)",
        ["model_id"],
        "hub_models hub_configs open_llm_leaderboard_v1",
    ),
    "score_distributions": (
        "select i as bin, i * i as n from range({n}) as r(i)",
        ["bin"],
        "",
    ),
    "block_influence": (
        "select 'x' as result_key, 1 as layer, 0.5::double as block_influence limit 0",
        ["result_key", "layer"],
        "",
    ),
}


def write_warehouse(
    path: Path,
    *,
    n: int = 20,
    fingerprint: str = FINGERPRINT,
    without: Sequence[str] = (),
    edits: Sequence[str] = (),
) -> Path:
    """Write a warehouse of `n` models, without some marts, and after some further statements."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    with duckdb.connect(str(path)) as connection:
        connection.begin()
        connection.execute("""
            create schema marts; create schema rules; create schema meta;
            create table meta.primary_keys ("table" varchar, columns varchar[]);
            create table meta.landing_batches ("table" varchar, batch varchar, digest varchar);
            create table rules.release_tables (mart varchar, quotes varchar, reason varchar);
            create table rules.data_sources (
                landing_table varchar, source varchar, version varchar, origin varchar,
                license varchar, retrieved date, note varchar
            );
            insert into rules.data_sources values
                ('hub_models', 'llmfit', '1.1', 'PyPI', 'MIT', '2026-11-21', 'as listed'),
                ('hub_models', 'Hugging Face Hub', null, 'listing', 'its terms', null, 'crawled'),
                ('hub_configs', 'gpu_poor', null, 'a list', 'none stated', '2026-11-21', 'partial'),
                ('open_llm_leaderboard_v1', 'sloth', null, 'a repo', 'MIT', '2026-11-21', 'final');
            create table meta.publication (fingerprint varchar, modelstrata_version varchar);
        """)
        connection.execute("insert into meta.publication values (?, '0.1.0')", [fingerprint])
        for mart, (query, key, quotes) in MARTS.items():
            connection.execute(f"create table marts.{mart} as {query.format(n=n)}")
            connection.execute(f"comment on table marts.{mart} is 'What {mart} holds.'")
            connection.execute("insert into meta.primary_keys values (?, ?)", [mart, key])
            connection.execute(
                "insert into rules.release_tables values (?, ?, 'because')", [mart, quotes]
            )
        for statement in [*edits, *(f"drop table marts.{mart}" for mart in without)]:
            connection.execute(statement)
        connection.commit()
    return path


def write_pages(data: Path, fingerprint: str = FINGERPRINT) -> dict[str, bytes]:
    """Write a report of two figures and a documentation page; return them by path in a release."""
    page = f"<!doctype html><p>{fingerprint}</p>".encode()
    files = {"report/index.html": page, "docs/index.html": page}
    for figure in ("figure-1", "figure-2"):
        files[f"report/figures/{figure}.svg"] = f"<svg>{figure}</svg>".encode()
        files[f"report/figures/{figure}.png"] = b"\x89PNG" + figure.encode()
    for path, content in files.items():
        (data / path).parent.mkdir(parents=True, exist_ok=True)
        (data / path).write_bytes(content)
    titles = {"figure-1": "Figure 1. How models score", "figure-2": "Figure 2. A | B"}
    listed = {"fingerprint": fingerprint, "figures": titles}
    (data / "report/figures/figures.json").write_text(json.dumps(listed), encoding="utf-8")
    return files
