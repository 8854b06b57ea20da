"""What the report holds, in order."""

import duckdb

from report.figure import Section, drawn
from report.figures import (
    gradients,
    healing,
    importances,
    influence,
    paths,
    pruning,
    quality,
    relevance,
    scores,
    tables,
    trends,
)

_SECTIONS = (
    (
        "trends",
        "Models over time",
        "How many models there are, of which kinds and sizes, and how good the best of them were.",
        trends.FIGURES,
    ),
    (
        "scores",
        "Scores",
        "How models of the first Open LLM Leaderboard score, what size and further training go "
        "with, and which benchmarks rank models alike.",
        scores.FIGURES,
    ),
    (
        "structure",
        "Scores from structure",
        "What a random forest that predicts scores from structure relies on. That a column is "
        "important does not say that changing it changes a score.",
        importances.FIGURES,
    ),
    (
        "layers",
        "Layers",
        "What layers do, measured on models with the programs of this project: scores without some "
        "of them, their influence, and the gradients of fine-tuning.",
        (*pruning.FIGURES, *gradients.FIGURES, *influence.FIGURES),
    ),
    (
        "relevance",
        "Relevance of layers",
        "How much each layer matters by what it costs to lose it, after “Rethinking Layer "
        "Relevance” (arXiv 2605.14075).",
        (*relevance.FIGURES, *paths.FIGURES, *healing.FIGURES),
    ),
    (
        "tables",
        "The paper’s tables",
        "Tables 1, 2, 3 and 5 as printed, beside the same on these data.",
        tables.FIGURES,
    ),
)


_QUALITY = (
    "data-quality",
    "What is wrong with the data",
    "What the build left out and why, where sources disagree, what is imputed, and how old it is.",
)


def quality_section(connection: duckdb.DuckDBPyConnection) -> Section:
    """Draw what is wrong with the data."""
    return Section(*_QUALITY, drawn(connection, quality.FIGURES))


def sections(connection: duckdb.DuckDBPyConnection) -> list[Section]:
    """Draw every section of figures."""
    return [
        Section(name, title, intro, drawn(connection, entries))
        for name, title, intro, entries in _SECTIONS
    ]
