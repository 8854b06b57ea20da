"""The data card: README.md of the release, with the front matter that the Hub reads."""

import yaml

from release.catalog import Mart, Source


def data_card(version: str, catalog: list[Mart], sources: list[Source]) -> str:
    """Return the card's text: one `configs:` entry, a table of columns and a count per mart."""
    front_matter = {
        "pretty_name": "modelstrata",
        "license": "other",
        "license_name": "per-source",
        "tags": ["llm", "model-structure", "leaderboard", "benchmark"],
        "configs": [
            {
                "config_name": mart.name,
                "data_files": [{"split": "train", "path": f"data/{mart.name}.parquet"}],
                **({"default": True} if mart.name == "structure_performance" else {}),
            }
            for mart in catalog
        ],
    }
    parts = [
        "---",
        yaml.safe_dump(front_matter, sort_keys=False, allow_unicode=True).strip(),
        "---",
        "",
        f"# modelstrata {version}",
        "",
        "What open language models are (their configurations), how they score (public "
        "leaderboards) and what their layers do, joined into tables that one can query.",
        "",
        "```python",
        "import duckdb",
        "duckdb.sql(\"from 'data/structure_performance.parquet' where structure_tier = 'exact'\")",
        "```",
        "",
        "Every R² on a random split stands beside the same regression on a split that keeps "
        "near copies of one structure on one side. The drop between them holds what copies "
        "leaked, and that structures never seen are hard to predict. Every R² is of models with a "
        "config of their own (`structure_tier` is `exact`); `imputed` structures come from other "
        "models.",
        "",
        "## Tables",
        "",
        *_overview(catalog),
        "",
        *(line for mart in catalog for line in _columns(mart)),
        "## Where the facts come from",
        "",
        "The program is MIT-licensed. The data carry the terms of their sources:",
        "",
        "| landing table | source | origin | license | retrieved | note |",
        "|---|---|---|---|---|---|",
        *(
            f"| {s.landing_table} | {_cell(f'{s.source} {s.version}')} | {_cell(s.origin)} "
            f"| {_cell(s.license)} | {s.retrieved} | {_cell(s.note)} |"
            for s in sources
        ),
        "",
        "`SHA256SUMS` holds the checksum of every file: `sha256sum --check SHA256SUMS`.",
        "",
    ]
    return "\n".join(parts)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _overview(catalog: list[Mart]) -> list[str]:
    rows = [f"| [{m.name}](#{m.name}) | {m.rows:,} | {_cell(m.description)} |" for m in catalog]
    return ["| table | rows | what it holds |", "|---|--:|---|", *rows]


def _columns(mart: Mart) -> list[str]:
    rows = [
        f"| {column.name} | {column.kind.lower()} | {_cell(column.description)} |"
        for column in mart.columns
    ]
    return [
        f"### {mart.name}",
        "",
        f"{mart.description} Key: {', '.join(mart.key)}.",
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *rows,
        "",
    ]
