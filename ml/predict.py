"""Expected scores of a structure: `python -m ml.predict --config path/to/config.json`."""

import argparse
import datetime
import json
import sys
from typing import Any

from ml.forecast import forecast
from ml.predictor_file import data_version, load
from ml.subject import read_subject
from modelstrata.errors import ModelstrataError
from modelstrata.settings import Settings
from modelstrata.warehouse import open_warehouse

_DESCRIPTION = """\
Print the scores to expect of a structure on every benchmark, with intervals that hold for nine in
ten structures never seen; how far it lies outside what was seen; and its nearest neighbours."""

_EPILOG = """\
  python -m ml.predict --config path/to/config.json
  python -m ml.predict --config mistralai/Mistral-7B-v0.1    a model of the warehouse
  python -m ml.predict --config config.json --size 7.2 --date 2024-05-01 --json

It needs a warehouse (`make build`) and a predictor (`python -m ml.predictor`)."""


def positive(text: str) -> float:
    """Read a number above 0, for argparse."""
    number = float(text)
    if not 0 < number < 1e6:
        raise ValueError(text)
    return number


def day(text: str) -> datetime.date:
    """Read a day, for argparse."""
    return datetime.date.fromisoformat(text)


positive.__name__ = "number of billions"
day.__name__ = "YYYY-MM-DD date"


def _text(found: dict[str, Any]) -> str:
    known = [
        f"{name} unknown" if value is None else f"{name} {_number(name, value)}"
        for name, value in found["features"].items()
    ]
    lines = [found["model"], "  " + ", ".join(known)]
    lines += [f"  Note: {note}" for note in found["notes"]]
    if found["is_trained_on"]:
        lines.append(
            "  Note: the forests were fitted on this model too. Its intervals are as wide as those "
            "of a structure never seen."
        )
    level = f"{found['level']:.0%}"
    lines += [
        "",
        f"{'benchmark':<22} {'expected':>8}  {level + ' interval':<15}  {'held':>5}  groups",
    ]
    for name, one in found["scores"].items():
        held = "?" if one["coverage"] is None else f"{one['coverage']:.0%}"
        interval = f"{one['low']:5.1f} to {one['high']:5.1f}"
        lines.append(
            f"{name:<22} {one['expected']:>8.1f}  {interval:<15}  {held:>5}  {one['n_groups']:>6}"
        )
    lines += [f"{name}: none. {reason}" for name, reason in found["missing_benchmarks"].items()]
    lines += ["", f"held: how often {level} intervals held the scores of structure groups held out"]
    lines += ["", "Against what was seen"]
    lines += [f"  {one['sentence']}" for one in found["outside"].values()]
    lines += ["", "Nearest models seen (doublings away, models of that structure)"]
    for one in found["neighbours"]:
        scores = ", ".join(f"{name} {score:.1f}" for name, score in one["scores"].items())
        lines.append(f"  {one['model_id']} ({one['distance']:.2f}, {one['n_models']:,}): {scores}")
    return "\n".join(lines)


def _number(name: str, value: Any) -> str:
    if name == "date":
        return str(value)
    return f"{value:.4g} B" if name == "size" else f"{value:,.0f}"


def main(arguments: list[str] | None = None) -> int:
    """Predict; return 0, or 1 after an `error:` line on stderr."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m ml.predict", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw
    )
    parser.add_argument(
        "--config", required=True, metavar="FILE | MODEL", help="a config.json, or a model id"
    )
    parser.add_argument("--size", type=positive, metavar="B", help="billions of parameters")
    parser.add_argument(
        "--date", type=day, metavar="DAY", help="instead of today, or the model's own"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    try:
        settings = Settings()
        with open_warehouse(settings.warehouse) as connection:
            predictor = load(settings.predictor, data_version(connection))
            subject = read_subject(
                connection, args.config, settings.today, date=args.date, size=args.size
            )
        found = forecast(predictor, subject)
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=1, allow_nan=False) if args.json else _text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
