"""Write the release folder of the published warehouse: `python -m release`; publish it."""

import argparse
import sys
from pathlib import Path

from modelstrata.errors import ModelstrataError
from modelstrata.settings import HubSettings, Settings
from release.folder import opened, write_release
from release.paper import write_paper_files

_DESCRIPTION = """\
Write the release of the published warehouse to data/release/<version>: one Parquet file a mart, a
data card, the report and dbt's documentation if they are there, checksums; and print where it is.
The same warehouse and pages give the same folder."""

_EPILOG = """\
  python -m release                                  write the folder
  python -m release publish --repo owner/name        publish it on the Hub, privately
  python -m release publish --repo owner/name --dry-run
  python -m release paper-csv --output paper         the structure paper's three CSV files"""

_PUBLISH = """\
Publish the release folder (it is written first, if it is not there) as a dataset repo on the Hub:
one commit of what differs, a tag named after the version, and a check that what the Hub serves is
what was sent. A version that is published already is left as it is. Stop it as you like, also with
kill -9: the same command makes up for it."""

_PUBLISH_EPILOG = """\
The repo is made private: only you, or the members of the organisation that owns it, see it, with
their tokens. With --public anyone sees it at once. The visibility of a repo that is there is never
changed; if it is not the one asked for, nothing is sent.

environment:
  HF_TOKEN                  a token with write access; sent to HF_ENDPOINT only and stored nowhere
  HF_ENDPOINT               the Hub's address (default https://huggingface.co)
  MODELSTRATA_RELEASE_REPO  the repo, instead of --repo"""


def _parser() -> argparse.ArgumentParser:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m release", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw
    )
    commands = parser.add_subparsers(dest="command", metavar="publish | paper-csv")
    publish = commands.add_parser(
        "publish", description=_PUBLISH, epilog=_PUBLISH_EPILOG, formatter_class=raw
    )
    publish.add_argument(
        "--repo", metavar="OWNER/NAME", help="the dataset repo; made, if there is none"
    )
    publish.add_argument("--public", action="store_true", help="let anyone see it")
    publish.add_argument(
        "--dry-run", action="store_true",
        help="print what would be sent, with sizes, and what changed; write nothing",
    )  # fmt: skip
    publish.add_argument(
        "--without-unlicensed", action="store_true",
        help="leave out the tables that quote a source without a stated license; the version is "
        "then called <version>-licensed",
    )  # fmt: skip
    paper = commands.add_parser(
        "paper-csv",
        description="Write model_info.csv, performance.csv and merge_performance_parameter.csv, "
        "for those who have the structure paper's notebooks.",
    )
    paper.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for them")
    return parser


def _publish(settings: Settings, args: argparse.Namespace) -> None:
    # The Hub's client takes a second to import.
    from release.plan import PublishOptions, validate_repo_id
    from release.publish import dry_run, publish

    repo = validate_repo_id(args.repo or settings.release_repo)
    options = PublishOptions(repo, args.public, args.without_unlicensed)
    hub = HubSettings.read()
    folder = _written(settings)
    if args.dry_run:
        print("\n".join(dry_run(folder, hub, options).lines()))
        if not hub.token.get_secret_value():
            print("without HF_TOKEN a private repo looks as if it were not there")
        print("dry run: nothing was written to the Hub")
        return
    done = publish(folder, hub, options, lambda line: print(line, flush=True))
    who = "anyone can see it" if done.is_public else "private"
    sent = f"{done.files_sent} files, {done.bytes_sent:,} bytes sent" if done.files_sent else ""
    print(f"published {done.version} ({who}): {done.url}")
    print(f"{sent or 'nothing was sent'}; commit {done.commit}")


def _written(settings: Settings) -> Path:
    return write_release(
        settings.warehouse, settings.releases, report=settings.report, docs=settings.docs
    )


def main(arguments: list[str] | None = None) -> int:
    """Do what is asked; return 0, or 1 after an `error:` line on stderr."""
    args = _parser().parse_args(arguments)
    try:
        settings = Settings()
        if args.command == "publish":
            _publish(settings, args)
        elif args.command == "paper-csv":
            with opened(settings.warehouse) as connection:
                print("\n".join(map(str, write_paper_files(connection, args.output))))
        else:
            print(_written(settings))
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped: the same command makes up for what is left", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
