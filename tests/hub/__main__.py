"""Serves a Hub by hand: `python -m tests.hub --models 100000`."""

import argparse
import json
import signal
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.hub.faults import Fault
from tests.hub.limits import TIERS
from tests.hub.server import HubServer

_EPILOG = """\
A file of faults is a JSON list of rules, for example
  [{"kind": "status", "match": "/config.json", "status": 503, "probability": 0.01},
   {"kind": "silent", "match": "^/api/models\\\\?.*cursor=", "nth": 3},
   {"kind": "cut", "match": "resolve-cache", "times": 5}]
Kinds: status, slow, trickle, silent, drop, cut, content_length, invalid_json, html, huge, redirect,
skew, remove, change. The same JSON can be posted while it runs:
  curl -X POST $HF_ENDPOINT/_faults -d '{"kind": "slow", "match": "config", "seconds": 2}'
  curl $HF_ENDPOINT/_faults            what there is, and how often each fired
  curl -X DELETE $HF_ENDPOINT/_faults  no more of it
  curl $HF_ENDPOINT/_counters          requests permitted and refused, by bucket
  curl $HF_ENDPOINT/_requests          every request seen
"""


def _faults(path: str) -> list[dict[str, Any]]:
    try:
        rules = json.loads(Path(path).read_text())
        for rule in rules:
            Fault.from_dict(rule)
    except (OSError, TypeError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return rules


def _above_zero(text: str) -> float:
    if float(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not above zero")
    return float(text)


def main() -> None:
    """Serve until Ctrl-C."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.hub",
        description="A Hugging Face Hub on 127.0.0.1 with made-up models, rate limits and faults.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--models", type=int, default=1000, help="how many (default 1000)")
    parser.add_argument("--seed", type=int, default=0, help="of models and faults (default 0)")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument(
        "--tier",
        choices=list(TIERS),
        default="free",
        help="rate limits of the printed token (default free); without it they are anonymous's",
    )
    parser.add_argument(
        "--window",
        type=_above_zero,
        default=300,
        help="seconds of a rate-limit window (default 300)",
    )
    parser.add_argument("--faults", type=_faults, default=[], metavar="FILE", help="see below")
    arguments = parser.parse_args()
    try:
        hub = HubServer(**vars(arguments))
    except OSError as error:
        parser.error(f"port {arguments.port}: {error.strerror}")
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with hub, tempfile.TemporaryDirectory() as storage:
        # The client sends large files to Xet wherever it is installed.
        hub.set(xet_folder=storage)
        print(f"HF_ENDPOINT={hub.url} HF_TOKEN={hub.token}", flush=True)
        print(f"{arguments.models:,} models; Ctrl-C ends it", flush=True)
        ended.wait()
        counters = ", ".join(
            f"{bucket} {count['permitted']:,} permitted, {count['refused']:,} refused"
            for bucket, count in hub.counters().items()
        )
    print(f"\n{counters}")


if __name__ == "__main__":
    main()
