"""The data card: README.md of the release, with the front matter that the Hub reads."""

import yaml

from release.catalog import Mart
from release.contents import Contents
from release.known_limits import KNOWN_LIMITS, PAPERS
from release.pages import DOCS, FIGURES, REPORT

#: The table that `load_dataset` gives when no other is named.
DEFAULT_TABLE = "structure_performance"
#: Upper ends of the Hub's size classes.
_SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"))
_LARGER = "1M<n<10M"


def data_card(contents: Contents) -> str:
    """Return the card's text: one `configs:` entry, a table of columns and a count per mart."""
    parts = [
        "---",
        yaml.safe_dump(_front_matter(contents), sort_keys=False, allow_unicode=True).strip(),
        "---",
        "",
        f"# modelstrata {contents.version}",
        "",
        "What open language models are (their configurations), how they score (public "
        "leaderboards) and what their layers do, joined into tables that one can query.",
        "",
        "Every R² on a random split stands beside the same regression on a split that keeps "
        "near copies of one structure on one side. The drop between them holds what copies "
        "leaked, and that structures never seen are hard to predict. Every R² is of models with a "
        "config of their own (`structure_tier` is `exact`); `imputed` structures come from other "
        "models.",
        "",
        *_loading(contents),
        "## Tables",
        "",
        *_overview(contents.marts),
        "",
        *_left_out(contents),
        *_paper_files(contents),
        *_pages(contents),
        *_changes(contents),
        "## Columns",
        "",
        *(line for mart in contents.marts for line in _columns(mart)),
        *_sources(contents),
        "## Known limits",
        "",
        *(f"- {limit}" for limit in KNOWN_LIMITS),
        "",
        *_citation(contents),
        "`SHA256SUMS` holds the checksum of every file (`sha256sum --check SHA256SUMS`), "
        "`release.json` what this card says, for programs.",
        "",
    ]
    return "\n".join(parts)


def _front_matter(contents: Contents) -> dict[str, object]:
    rows = sum(mart.rows for mart in contents.marts)
    return {
        "pretty_name": "modelstrata",
        "license": "other",
        "license_name": "per-source",
        **({"license_link": f"{_page(contents)}#sources-and-licenses"} if contents.repo else {}),
        "task_categories": ["other"],
        "size_categories": [next((name for end, name in _SIZES if rows < end), _LARGER)],
        "tags": ["llm", "model-structure", "leaderboard", "benchmark"],
        "configs": [
            {
                "config_name": mart.name,
                "data_files": [{"split": "train", "path": f"data/{mart.name}.parquet"}],
                **({"default": True} if mart.name == DEFAULT_TABLE else {}),
            }
            for mart in contents.marts
            # `load_dataset` and the Hub's viewer fail on a table without rows.
            if mart.rows
        ],
    }


def _page(contents: Contents) -> str:
    return f"https://huggingface.co/datasets/{contents.repo}"


def _loading(contents: Contents) -> list[str]:
    names = [mart.name for mart in contents.marts if mart.rows]
    table = DEFAULT_TABLE if DEFAULT_TABLE in names else next(iter(names), DEFAULT_TABLE)
    # `@version` is the tag, so that the same lines give the same rows later on.
    pinned = f"hf://datasets/{contents.repo}@{contents.version}" if contents.repo else ""
    file = f"{pinned or '.'}/data/{table}.parquet".removeprefix("./")
    load = f'datasets.load_dataset(".", "{table}", split="train")'
    if contents.repo:
        load = (
            f'datasets.load_dataset(\n    "{contents.repo}", "{table}", split="train", '
            f'revision="{contents.version}"\n)'
        )
    return [
        "## How to load",
        "",
        "```python",
        "import datasets",
        "",
        f"rows = {load}",
        "```",
        "",
        "```python",
        "import pandas as pd",
        "",
        f'frame = pd.read_parquet("{file}")',
        "```",
        "",
        "```sql",
        "-- DuckDB",
        f"from '{file}';",
        "```",
        "",
        *(
            [
                "The version is a tag; without it one gets the newest. While the repository is "
                "private, all three need a token that may read it."
            ]
            if contents.repo
            else ["The paths are those inside this folder."]
        ),
        "",
    ]


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _overview(marts: tuple[Mart, ...]) -> list[str]:
    rows = [f"| [{m.name}](#{m.name}) | {m.rows:,} | {_cell(m.description)} |" for m in marts]
    empty = "A table without rows has a file and no configuration: `datasets` cannot load it."
    note = [] if all(m.rows for m in marts) else ["", empty]
    return ["| table | rows | what it holds |", "|---|--:|---|", *rows, *note]


def _left_out(contents: Contents) -> list[str]:
    if not contents.left_out:
        return []
    return [
        "Tables that quote a source without a stated license were left out of this version: "
        + "; ".join(f"`{left.table}` {left.reason}" for left in contents.left_out)
        + ". Statistics over such sources, which quote no single record, are in it.",
        "",
    ]


def _paper_files(contents: Contents) -> list[str]:
    if not contents.has_paper_files:
        return []
    return [
        "`paper/` holds `model_info.csv`, `performance.csv` and "
        "`merge_performance_parameter.csv`, for those who have the structure paper's notebooks. "
        "Columns have the names of the paper's tables; that the id is called `model`, the form of "
        "`date`, `architecture` and the order are our assumption. Scores are of the first Open LLM "
        "Leaderboard without those it flagged; the merged file has models with a config of their "
        "own.",
        "",
    ]


def _pages(contents: Contents) -> list[str]:
    told = {
        f"{REPORT}/index.html": "the report: figures, the paper's claims beside these data, what "
        "is wrong with the data, and a search for models. It needs no other file and no network; "
        "download it and open it in a browser",
        f"{DOCS}/index.html": "columns, types and lineage of every table, in a page of the same "
        "kind",
    }
    lines = [f"- `{path}`: {text}." for path, text in told.items() if path in contents.pages]
    lines += [
        f"- [{_cell(title)}]({FIGURES}/{figure}.png), [SVG]({FIGURES}/{figure}.svg)"
        for figure, title in contents.figures.items()
    ]
    return ["## Pages and figures", "", *lines, ""] if lines else []


def _changes(contents: Contents) -> list[str]:
    if not contents.repo:
        return []
    head = ["## Changes", ""]
    if not contents.previous:
        return [*head, "This is the first version.", ""]
    head += [f"Against {contents.previous}, by each table's key:", ""]
    if not contents.changes:
        return [*head[:-2], f"No table differs from {contents.previous}.", ""]
    rows = [
        f"| {c.table} | {c.added:,} | {c.changed:,} | {c.removed:,} | {_cell(c.note)} |"
        for c in contents.changes
    ]
    return [
        *head,
        "| table | rows added | changed | removed | |",
        "|---|--:|--:|--:|---|",
        *rows,
        "",
        "Tables that are not listed are the same.",
        "",
    ]


def _columns(mart: Mart) -> list[str]:
    rows = [
        f"| {column.name} | {column.kind.lower()} | {_cell(column.description)} |"
        for column in mart.columns
    ]
    return [
        f"### {mart.name}",
        "",
        f"{mart.description} Key: {', '.join(mart.key)}. {_quotes(mart)}".strip(),
        "",
        "| column | type | meaning |",
        "|---|---|---|",
        *rows,
        "",
    ]


def _quotes(mart: Mart) -> str:
    if mart.quotes is None:
        return ""
    quoted = ", ".join(mart.quotes) or "no single record"
    return f"Quotes {quoted}: {_cell(mart.quotes_reason)}."


def _sources(contents: Contents) -> list[str]:
    rows = [
        f"| {s.landing_table} | {_cell(f'{s.source} {s.version}')} | {_cell(s.origin)} "
        f"| {_cell(s.license)} | {s.retrieved} | {_cell(s.note)} |"
        for s in contents.sources
    ]
    return [
        "## Sources and licenses",
        "",
        "The program is MIT-licensed. The data carry the terms of their sources; where a license "
        "is not stated, ask the source before you pass its facts on. Under its name above, each "
        "table says which of these landing tables it quotes.",
        "",
        "| landing table | source | origin | license | retrieved | note |",
        "|---|---|---|---|---|---|",
        *rows,
        "",
    ]


def _citation(contents: Contents) -> list[str]:
    where = f",\n  url = {{{_page(contents)}}}" if contents.repo else ""
    return [
        "## How to cite",
        "",
        "```bibtex",
        "@misc{modelstrata,",
        "  title = {modelstrata: a warehouse of open language models},",
        "  author = {{the modelstrata authors}},",
        f"  version = {{{contents.version}}}{where}",
        "}",
        "```",
        "",
        "and the works that it follows:",
        "",
        *(f"- *{title}*, arXiv {number}, {use}." for title, number, use in PAPERS),
        "",
    ]
