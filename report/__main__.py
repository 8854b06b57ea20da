"""Write the report of the published warehouse: `python -m report`."""

import argparse
import sys
from pathlib import Path

from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings

_DESCRIPTION = """\
Write the report of the published warehouse to data/report: index.html, one page that needs neither
network nor other files; and its figures as PNG and SVG. The same warehouse gives the same files."""


def main(arguments: list[str] | None = None) -> int:
    """Write it and print where it is; return 0, or 1 after an `error:` line on stderr."""
    parser = argparse.ArgumentParser(prog="python -m report", description=_DESCRIPTION)
    parser.add_argument(
        "--output", type=Path, metavar="DIR", help="folder for it (default: data/report)"
    )
    parser.add_argument("--page-only", action="store_true", help="write no PNG and SVG files")
    args = parser.parse_args(arguments)
    try:
        settings = Settings()
        # Charts take a second or two to import.
        from report.write import IMAGES, write_figures, write_page

        folder = (args.output or settings.report).expanduser().resolve()
        print(write_page(settings.warehouse, folder, settings.docs / "index.html"))
        if not args.page_only:
            written = write_figures(settings.warehouse, folder / IMAGES)
            print(f"{folder / IMAGES}: {len(written)} figures as SVG and PNG")
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
