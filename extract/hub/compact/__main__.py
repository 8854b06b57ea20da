"""Compact what crawls landed: `python -m extract.hub.compact --help`."""

import argparse
import sys
from datetime import timedelta

from extract.hub.compact.compaction import compact
from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings

_DESCRIPTION = """\
Compact the landed listings. A crawl lands a model's listing again whenever it changes; of those
that a newer one replaces, this keeps commit, downloads, likes and dates (hub_model_history) and
drops the rest. What counts stays as it was, byte for byte, and so do the marts: model_history holds
the same rows before and after. The next build is one of everything.

It needs the locks of builds and crawls, can be stopped at any moment, also with kill -9, and
changes nothing the second time. Batches that no crawl landed stay as they are."""


def _days(text: str) -> float:
    days = float(text)
    if not days >= 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return days


def main(arguments: list[str] | None = None) -> int:
    """Compact; return 0, or 1 after an `error:` line on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m extract.hub.compact",
        description=_DESCRIPTION,
        epilog="MODELSTRATA_DATA names the data folder (default data/).",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--older-than", type=_days, default=30.0, metavar="DAYS",
        help="only batches that landed longer ago (default 30)",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be won, and write nothing"
    )
    args = parser.parse_args(arguments)
    try:
        done = compact(Settings(), timedelta(days=args.older_than), is_dry_run=args.dry_run)
    except ModelstrataError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    print("\n".join(done.lines()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
