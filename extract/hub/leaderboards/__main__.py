"""Land the leaderboards: two archived ones of the Hub, BigCodeBench, and the Hub's benchmarks."""

import argparse
import sys

from extract.hub import command
from extract.hub.hub import Hub
from extract.hub.leaderboards.land import SOURCES, land_leaderboards
from modelstrata.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Land what was asked for; return 0, 1 if a source failed, or 130 when stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m extract.hub.leaderboards",
        description=__doc__,
        epilog="Environment: HF_TOKEN, HF_ENDPOINT, MODELSTRATA_DATA. Only what has changed since "
        "the last time is asked for and lands.",
    )
    parser.add_argument(
        "--only", choices=list(SOURCES), nargs="+", default=list(SOURCES), help="these sources"
    )
    parser.add_argument(
        "--bigcodebench", default="", metavar="URL",
        help="the site with results.json and results-hard.json (default: that of "
        "MODELSTRATA_BIGCODEBENCH_SITE, its own)",
    )  # fmt: skip
    parser.add_argument(
        "--patience", type=float, default=command.PATIENCE_S, metavar="SECONDS",
        help="give up when the Hub has not answered for so long (default 600)",
    )  # fmt: skip
    args = parser.parse_args(arguments)

    def land(settings: Settings, hub: Hub) -> int:
        failed = False
        for landed in land_leaderboards(settings, hub, args.only, args.bigcodebench):
            if landed.error is None:
                print(f"{landed.source}: {landed.said}")
            else:
                failed = True
                why = " ".join(str(landed.error).split())
                print(f"{landed.source}: error: {why}", file=sys.stderr)
        return int(failed)

    return command.run(land, args.patience)


if __name__ == "__main__":
    sys.exit(main())
