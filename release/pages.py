"""The pages that ship with a release: the report with its figures, and dbt's documentation.

Other rooms write them below the data folder. They are taken if they are there, and only if they
are of the warehouse that is released: each holds its fingerprint.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import BaseModel, ValidationError

from modelstrata.errors import ModelstrataError

REPORT, DOCS, FIGURES = "report", "docs", "report/figures"
_PAGE = "index.html"


class _Listing(BaseModel):
    """`figures.json` of the report: titles by figure, and the warehouse they are of."""

    fingerprint: str
    figures: dict[str, str]


@dataclass(frozen=True)
class Pages:
    """Files to ship, by their path in the release.

    Attributes:
        figures: titles of the report's figures, by id; each has an SVG and a PNG file.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    figures: Mapping[str, str] = field(default_factory=dict)


def find_pages(report: Path | None, docs: Path | None, fingerprint: str) -> Pages:
    """Find the pages that are there.

    Args:
        report: the report's folder; None ships none.
        docs: the documentation's folder, likewise.
        fingerprint: of the warehouse that is released.

    Raises:
        ModelstrataError: a page or the figures are of another warehouse, or are not whole.
    """
    files = _page(REPORT, report, fingerprint) | _page(DOCS, docs, fingerprint)
    listing = report / "figures" / "figures.json" if report else None
    if listing is None or not listing.is_file():
        return Pages(files)
    titles = _titles(listing, fingerprint)
    for figure in titles:
        for file in (listing.with_name(f"{figure}.{kind}") for kind in ("svg", "png")):
            if not file.is_file():
                raise ModelstrataError(f"{file} is gone: remove {listing} and run `make report`.")
            files[f"{FIGURES}/{file.name}"] = file
    return Pages(files, titles)


def _page(name: str, folder: Path | None, fingerprint: str) -> dict[str, Path]:
    page = folder / _PAGE if folder else None
    if page is None or not page.is_file():
        return {}
    if fingerprint not in page.read_text(encoding="utf-8", errors="replace"):
        raise ModelstrataError(_other(page))
    return {f"{name}/{_PAGE}": page}


def _titles(listing: Path, fingerprint: str) -> dict[str, str]:
    try:
        listed = _Listing.model_validate_json(listing.read_bytes())
    except ValidationError as error:
        raise ModelstrataError(
            f"{listing} cannot be read: remove it and run `make report`."
        ) from error
    if listed.fingerprint != fingerprint:
        raise ModelstrataError(_other(listing))
    return listed.figures


def _other(file: Path) -> str:
    return f"{file} is not of the published warehouse: run `make build`, or `make report`."
