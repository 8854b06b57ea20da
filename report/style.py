"""How charts look: on light and dark paper, on a phone, in print, and without colour vision.

Colours are those of Okabe and Ito; each series has a shape or a dash of its own too. Text and grid
take the colour of the page around them (`currentColor`).
"""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import cycle
from typing import Any, Literal

import altair as alt
from altair.utils.schemapi import debug_mode

from report.figure import Spec

PALETTE = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8A8A8A"]
SHAPES = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "stroke"]
DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 1], [1, 3], [10, 4]]
#: Of numbers: one hue after the other as bright, also in grey.
SEQUENTIAL: Literal["cividis"] = "cividis"

_INK = "currentColor"
_FONT = "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
CONFIG: dict[str, Any] = {
    "background": None,
    "font": _FONT,
    "view": {"stroke": None, "continuousHeight": 280},
    # Charts are one image to a screen reader, described, with a table beside.
    "mark": {"aria": False},
    "title": {"aria": False, "color": _INK, "anchor": "start", "fontSize": 13},
    "axis": {
        "aria": False,
        **dict.fromkeys(("labelColor", "titleColor", "domainColor", "tickColor"), _INK),
        "gridColor": _INK,
        "gridOpacity": 0.13,
        "labelFontSize": 12,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "labelLimit": 240,
    },
    "legend": {
        "aria": False,
        "labelColor": _INK,
        "titleColor": _INK,
        "orient": "top",
        "labelFontSize": 12,
        "titleFontSize": 12,
        "labelLimit": 260,
        "symbolStrokeWidth": 2,
        "columns": 4,
    },
    "header": {"labelColor": _INK, "titleColor": _INK, "labelFontSize": 13, "labelFontWeight": 600},
    "range": {"category": PALETTE, "symbol": SHAPES},
    "point": {"filled": True, "size": 45},
    "line": {"strokeWidth": 2},
    "rule": {"color": _INK},
}


def data(rows: Sequence[Mapping[str, Any]], *names: str) -> alt.Data:
    """Return the named values of rows as a chart's data."""
    values = [{name: _plain(row[name]) for name in names} for row in rows]
    # Holding each value against the schema takes seconds, and says nothing of plain rows.
    with debug_mode(False):
        return alt.Data(values=values)


def _plain(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    return float(f"{value:.5g}") if isinstance(value, float) else value


def _each(looks: list[Any], names: list[str]) -> list[Any]:
    """Return a look for each name; they start anew where there are too few."""
    return [look for look, _ in zip(cycle(looks), names, strict=False)]


def colours(names: list[str]) -> alt.Scale:
    """Give names colours in order."""
    return alt.Scale(domain=names, range=_each(PALETTE, names))


def shapes(names: list[str]) -> alt.Scale:
    """Give names marks in order."""
    return alt.Scale(domain=names, range=_each(SHAPES, names))


def dashes(names: list[str]) -> alt.Scale:
    """Give names dashes in order."""
    return alt.Scale(domain=names, range=_each(DASHES, names))


def zero_line(values: alt.Data, panel: str, **at: Any) -> alt.Chart:
    """Return a dashed line at zero in each panel; `at` is its place, such as `y=alt.datum(0)`."""
    return (
        alt.Chart(values)
        .transform_aggregate(groupby=[panel])
        .mark_rule(strokeDash=[4, 3], opacity=0.6)
        .encode(**at)
    )


def spec(chart: Any) -> Spec:
    """Return a chart's specification without the library's own look."""
    with alt.theme.enable("none"):
        found = chart.to_dict(validate=False)
    found.pop("config", None)
    found.pop("$schema", None)
    return found
