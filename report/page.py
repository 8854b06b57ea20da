"""The page: every part of the report put together as one file that needs no other."""

import json
import math
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import vl_convert
from markupsafe import Markup

from report.claims import Claims
from report.figure import Figure, Section, Spec
from report.style import CONFIG

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Publication:
    """Which warehouse the report is of."""

    version: str
    fingerprint: str
    newest: str


def safe_json(value: object) -> Markup:
    """Return compact JSON that cannot end the script element around it."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))


def shown(value: Any) -> str:
    """Return a value as it stands in a table; unknown ones are a dash."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, float):
        if value == int(value) and abs(value) < 1e15:
            return f"{int(value):,}"
        return f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


@dataclass(frozen=True)
class Contents:
    """Everything that the page shows.

    Attributes:
        publication: the warehouse it is of.
        sections: figures and tables.
        claims: the paper's claims.
        quality: what is wrong with the data.
        models: what the search for models reads, gzip as base64.
        unscored: leaderboards of which there is no score.
        docs: address of the columns' documentation, relative to the page; None if there is none.
        key: what tells this page from one of another warehouse or code.
    """

    publication: Publication
    sections: list[Section]
    claims: Claims
    quality: Section
    models: str
    unscored: list[str]
    docs: str | None
    key: str


def page(contents: Contents) -> str:
    """Return the page."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {"safe_json": safe_json, "shown": shown}
    macros: Any = environment.get_template("macros.html.j2").module
    return environment.get_template("page.html.j2").render(
        **vars(contents),
        specs=specs([*contents.sections, contents.quality]),
        config=CONFIG,
        block=macros.block,
        style=Markup(_text("style.css")),
        libraries=Markup(_libraries()),
        charts=Markup(_text("charts.js")),
        finder=Markup(_text("model.js") + _text("finder.js")),
    )


@cache
def _libraries() -> str:
    """Return Vega, Vega-Lite and Vega-Embed as one script; bundling takes seconds."""
    return vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;")


def specs(sections: list[Section]) -> dict[str, Spec]:
    """Return the charts' specifications by figure, described for screen readers."""
    figures = [figure for section in sections for figure in section.figures]
    return {figure.id: _described(figure, figure.chart) for figure in figures if figure.chart}


def _described(figure: Figure, chart: Spec) -> Spec:
    assert figure.drawing is not None
    return {**chart, "description": f"{figure.title}. {figure.drawing.sentence}"}


def _text(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
