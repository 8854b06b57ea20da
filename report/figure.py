"""What a figure is: a sentence, a caveat, a chart and the table behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

Spec = dict[str, Any]


class NoRows(Exception):
    """A mart has no rows for a figure.

    Attributes:
        missing: what is missing, a sentence.
        command: what fills it.
    """

    def __init__(self, missing: str, command: str) -> None:
        super().__init__(missing)
        self.missing, self.command = missing, command


@dataclass(frozen=True)
class Table:
    """Rows under column headings; None is an unknown value."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]], **headings: str) -> "Table":
        """Take values of rows by name, under the headings given."""
        return cls(tuple(headings.values()), [tuple(row[k] for k in headings) for row in rows])

    @classmethod
    def across(
        cls, rows: Sequence[Mapping[str, Any]], down: tuple[str, ...], across: str, value: str
    ) -> "Table":
        """Make a column of each value of `across`, and a row of each of the values of `down`."""
        columns = list(dict.fromkeys(row[across] for row in rows))
        lines: dict[tuple[Any, ...], dict[Any, Any]] = {}
        for row in rows:
            lines.setdefault(tuple(row[name] for name in down), {})[row[across]] = row[value]
        cells = [(*key, *(line.get(name) for name in columns)) for key, line in lines.items()]
        return cls((*down, *map(str, columns)), cells)


@dataclass(frozen=True)
class Drawing:
    """What a figure shows.

    Attributes:
        sentence: what to see, computed from the data.
        caveat: what the numbers rest on: how many, which rows, which split.
        chart: a Vega-Lite specification; None of a table.
        table: the numbers behind the chart.
    """

    sentence: str
    caveat: str
    table: Table
    chart: Spec | None = None


@dataclass(frozen=True)
class Entry:
    """A place in the report: where it is found, what it is called, who draws it."""

    id: str
    title: str
    draw: Callable[[duckdb.DuckDBPyConnection], Drawing]


@dataclass(frozen=True)
class Figure:
    """An entry with its drawing, or with what is missing for it."""

    id: str
    title: str
    drawing: Drawing | None
    missing: str = ""
    command: str = ""

    @property
    def chart(self) -> Spec | None:
        """Its chart, if it has one and rows for it."""
        return self.drawing.chart if self.drawing else None


@dataclass(frozen=True)
class Section:
    """A heading with its figures."""

    id: str
    title: str
    intro: str
    figures: list[Figure] = field(default_factory=list)


def drawn(connection: duckdb.DuckDBPyConnection, entries: Sequence[Entry]) -> list[Figure]:
    """Draw entries; one without rows says what is missing, and the others stand."""
    figures = []
    for entry in entries:
        try:
            figures.append(Figure(entry.id, entry.title, entry.draw(connection)))
        except NoRows as none:
            figures.append(Figure(entry.id, entry.title, None, none.missing, none.command))
    return figures
