"""What the report holds, in order."""

import duckdb

from report.figure import Section, drawn
from report.figures import scores

_SECTIONS = (
    (
        "scores",
        "Scores",
        "How models of the first Open LLM Leaderboard score, what size and further training go "
        "with, and which benchmarks rank models alike.",
        scores.FIGURES,
    ),
)


def sections(connection: duckdb.DuckDBPyConnection) -> list[Section]:
    """Draw every section of figures."""
    return [
        Section(name, title, intro, drawn(connection, entries))
        for name, title, intro, entries in _SECTIONS
    ]
