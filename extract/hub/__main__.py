"""Crawl the Hugging Face Hub's models: their listing and their config.json files."""

import argparse
import sys
from datetime import date
from pathlib import Path

from extract.hub import command
from extract.hub.crawl import Options, crawl
from extract.hub.errors import HubError
from extract.hub.estimate import estimate
from extract.hub.hub import Hub
from extract.hub.scope import PAGE_SIZE, Scope, parse_day
from modelstrata.model_ids import is_model_id
from modelstrata.settings import Settings

_DESCRIPTION = """\
Crawl the Hugging Face Hub: the listing of models, then the config.json of each model whose commit
is not known yet. Both land verbatim in data/landing (hub_models, hub_configs, hub_removals).

A crawl can be stopped at any moment, also with kill -9; the same command goes on where it was. The
next crawl after a finished one lands only what is new, changed, renamed or removed. Requests keep
to the rate that the Hub's own headers permit."""

_EPILOG = """\
environment:
  HF_TOKEN          a token; raises the permitted rate, opens gated models that it may read, and
                    is sent to HF_ENDPOINT only
  HF_ENDPOINT       the Hub's address (default https://huggingface.co)
  MODELSTRATA_DATA  the data folder (default data/)

examples:
  python -m extract.hub --dry-run                  what a crawl of everything would cost
  python -m extract.hub --text-generation          language models
  python -m extract.hub --author mistralai
  python -m extract.hub --since 2026-11-01 --min-downloads 1000
  python -m extract.hub --ids models_list.txt

The archived and living leaderboards: python -m extract.hub.leaderboards --help"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m extract.hub",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    scope = parser.add_argument_group("scope (default: every model)")
    which = scope.add_mutually_exclusive_group()
    which.add_argument(
        "--text-generation", action="store_true", help="only models of that pipeline tag"
    )
    which.add_argument(
        "--ids", type=Path, metavar="FILE", help="the models of a list, one id a line; # comments"
    )
    scope.add_argument("--author", type=_author, help="only models of this user or organisation")
    scope.add_argument(
        "--since", type=_day, metavar="DAY",
        help="only models modified on or after this day (UTC), such as 2026-11-01",
    )  # fmt: skip
    scope.add_argument(
        "--min-downloads", type=_positive, metavar="N",
        help="only models with at least N downloads in the last 30 days",
    )  # fmt: skip
    scope.add_argument("--limit", type=_positive, metavar="N", help="stop after N models")
    how = parser.add_argument_group("how")
    how.add_argument(
        "--dry-run", action="store_true",
        help="say how many requests and hours it costs on each kind of token, and end",
    )  # fmt: skip
    how.add_argument(
        "--fresh", action="store_true", help="begin anew although a crawl of this scope was stopped"
    )
    how.add_argument(
        "--retry-gated", action="store_true",
        help="ask for the configs of gated models again, after access was granted",
    )  # fmt: skip
    how.add_argument(
        "--refresh-counts", type=float, default=7.0, metavar="DAYS",
        help="land a model of which only downloads and likes moved again after so many days "
        "(default 7)",
    )  # fmt: skip
    how.add_argument(
        "--threads", type=_positive, default=32, metavar="N",
        help="requests at the same time at most (default 32)",
    )  # fmt: skip
    how.add_argument(
        "--page-size", type=_positive, default=PAGE_SIZE, metavar="N",
        help=f"models a page of the listing (default {PAGE_SIZE}, the Hub's largest)",
    )  # fmt: skip
    how.add_argument(
        "--patience", type=float, default=command.PATIENCE_S, metavar="SECONDS",
        help="give up when the Hub has not answered for so long (default 600)",
    )  # fmt: skip
    how.add_argument("--seed", type=int, default=0, help="of the random part of waits (default 0)")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return number


def _author(text: str) -> str:
    if not is_model_id(text) or "/" in text:
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a user or organisation")
    return text


def _day(text: str) -> date:
    try:
        return parse_day(text)
    except HubError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def main(arguments: list[str] | None = None) -> int:
    """Crawl; return 0, 1 after an `error:` line on stderr, or 130 when stopped."""
    parser = _parser()
    args = parser.parse_args(arguments)
    if args.ids and (args.author or args.since or args.min_downloads):
        parser.error("--ids names the models: it goes with --limit only")
    scope = Scope(
        pipeline_tag="text-generation" if args.text_generation else None,
        author=args.author,
        since=args.since,
        min_downloads=args.min_downloads,
        limit=args.limit,
        ids_file=args.ids.resolve() if args.ids else None,
        page_size=args.page_size,
    )
    options = Options(
        threads=args.threads,
        refresh_counts_s=args.refresh_counts * 86_400,
        is_fresh=args.fresh,
        retry_gated=args.retry_gated,
        seed=args.seed,
    )

    def work(settings: Settings, hub: Hub) -> int:
        if args.dry_run:
            print("\n".join(estimate(settings, hub, scope)))
            return 0
        print(f"crawling {scope.describe()} of {hub.endpoint}", file=sys.stderr, flush=True)
        print("\n".join(crawl(settings, hub, scope, options).lines()))
        return 0

    return command.run(work, args.patience, args.seed)


if __name__ == "__main__":
    sys.exit(main())
