"""Assets of the report: its page, and its figures as files, which Dagster shows."""

import base64

import dagster as dg

from modelstrata.progress import progress
from modelstrata.settings import Settings
from orchestration.defs.dbt import PUBLISHED
from orchestration.docs import docs_page
from orchestration.failures import clear_failures

PAGE = dg.AssetKey("report_page")
FIGURES = dg.AssetKey("report_figures")


@dg.asset(key=PAGE, group_name="report", deps=[PUBLISHED], kinds={"html"})
def report_page() -> dg.MaterializeResult:
    """Write the report's page, unless the one of this warehouse is there."""
    from report.write import write_page

    settings = Settings()
    with clear_failures(settings), progress("report", 1) as advance:
        page = write_page(settings.warehouse, settings.report, docs_page(settings))
        advance("")
    return dg.MaterializeResult(metadata={"path": str(page), "bytes": page.stat().st_size})


@dg.asset(key=FIGURES, group_name="report", deps=[PUBLISHED], kinds={"png"})
def report_figures() -> dg.MaterializeResult:
    """Write the report's figures as SVG and PNG, unless they are there; each is shown here."""
    from report.images import png
    from report.write import IMAGES, write_figures

    settings = Settings()
    with clear_failures(settings):
        written = write_figures(settings.warehouse, settings.report / IMAGES)
    shown = {
        figure: _preview(figure, png(file.read_text("utf-8"), scale=1.0))
        for figure, file in written.items()
    }
    return dg.MaterializeResult(metadata={"figures": len(written), **shown})


def _preview(title: str, image: bytes) -> dg.MetadataValue:
    encoded = base64.b64encode(image).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{encoded})")
