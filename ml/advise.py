"""Structures for a size budget: `python -m ml.advise --size 7 --benchmark gsm8k`."""

import argparse
import json
import sys
from typing import Any

import numpy as np

from ml.candidates import candidates
from ml.forecast import intervals, lies, seen_on
from ml.predict import day, positive
from ml.predictor_file import Predictor, data_version, load
from ml.subject import days
from modelstrata.errors import ConfigError, ModelstrataError
from modelstrata.settings import Settings
from modelstrata.warehouse import open_warehouse

_DESCRIPTION = """\
Rank structures that were seen, and such as are near to them, by the score to expect of them on a
benchmark, as far as their size fits the budget."""

_EPILOG = """\
  python -m ml.advise --size 7 --benchmark gsm8k
  python -m ml.advise --size 7 --benchmark gsm8k --top 20 --json

It needs a warehouse (`make build`) and a predictor (`python -m ml.predictor`)."""


def advise(
    predictor: Predictor, benchmark: str, size: float, date: float, top: int
) -> dict[str, Any]:
    """Return the ranking, ready for JSON.

    Args:
        predictor: fitted models.
        benchmark: what to rank by.
        size: largest size, in billions of parameters.
        date: day that the structures are taken to be of, days since 1970.
        top: how many to return.

    Raises:
        ConfigError: there is no such benchmark, or the budget is below everything seen.
    """
    if benchmark in predictor.gaps:
        raise ConfigError(f"There is no predictor for {benchmark}: {predictor.gaps[benchmark]}")
    if benchmark not in predictor.fitted:
        raise ConfigError(
            f"There are no scores on {benchmark!r}: choose one of {', '.join(predictor.fitted)}."
        )
    fitted = predictor.fitted[benchmark]
    is_seen = seen_on(predictor, fitted.leaderboard)
    sizes = predictor.x[is_seen, predictor.features.index("size")]
    smallest, largest = float(np.nanmin(sizes)), float(np.nanmax(sizes))
    if size < smallest:
        raise ConfigError(
            f"A budget of {size:g} billion is below everything seen on {benchmark}: the smallest "
            f"model has {smallest:.3g} billion. Ask for --size {smallest:.3g} or more."
        )
    found = candidates(predictor, benchmark, is_seen, size)
    x = found.x.copy()
    x[:, predictor.features.index("date")] = date
    scores = intervals(predictor, benchmark, x)
    order = np.lexsort((found.size, ~found.is_seen, -np.round(scores[:, 0], 6)))[:top]
    ranked = []
    for one in order:
        place = lies(predictor, fitted.leaderboard, found.x[one])
        values = dict(zip(predictor.features, found.x[one].tolist(), strict=True))
        ranked.append(
            {
                **{name: int(values[name]) for name in ("layers", "d_model", "d_ffn", "heads")},
                "size": round(float(found.size[one]), 4),
                **dict(
                    zip(("expected", "low", "high"), scores[one].round(3).tolist(), strict=True)
                ),
                "is_seen": bool(found.is_seen[one]),
                "is_outside": place.is_outside,
                "like": found.like[one],
                "n_models": int(found.n_models[one]),
                "measured_mean": round(float(found.measured[one]), 3),
            }
        )
    return {
        "benchmark": benchmark,
        "size": size,
        "level": predictor.level,
        "coverage": None if np.isnan(fitted.coverage) else fitted.coverage,
        "n": fitted.n,
        "n_groups": fitted.n_groups,
        "structures": ranked,
        "warnings": _warnings(predictor, benchmark, size, largest, date, ranked),
        "data_version": predictor.data_version,
        "code_version": predictor.code_version,
    }


def _warnings(
    predictor: Predictor,
    benchmark: str,
    size: float,
    largest: float,
    date: float,
    ranked: list[dict[str, Any]],
) -> list[str]:
    fitted = predictor.fitted[benchmark]
    said = []
    near = sum(not one["is_seen"] for one in ranked)
    if near:
        said.append(
            f"{near} of these {len(ranked)} extrapolate: no model of that structure was seen on "
            f"{benchmark}. They vary the layers or d_ffn of the structure named; a forest mostly "
            "gives them the score of what lies nearest."
        )
    if any(one["is_outside"] for one in ranked):
        said.append(
            "Those marked OUTSIDE lie beyond what was seen: their intervals promise nothing."
        )
    if size > largest:
        said.append(
            f"Nothing seen on {benchmark} is larger than {largest:.4g} billion: what more buys, "
            "these data cannot tell."
        )
    if date > days(day(fitted.last_date)):
        said.append(
            f"The newest model seen is of {fitted.last_date}: a later date counts like that day."
        )
    said.append(
        f"Intervals hold for structures never seen, {fitted.n_groups} of which were there to learn "
        "from; where they overlap, the order may be chance."
    )
    return said


def _text(found: dict[str, Any]) -> str:
    level = f"{found['level']:.0%}"
    lines = [
        f"{found['benchmark']}, at most {found['size']:g} B parameters",
        f"{'layers':>6} {'d_model':>7} {'d_ffn':>7} {'heads':>5} {'size':>8}  {'expected':>8}  "
        f"{level + ' interval':<15}  like",
    ]
    for one in found["structures"]:
        like = f"{one['like']}: {one['n_models']:,} seen, mean {one['measured_mean']:.1f}"
        if not one["is_seen"]:
            like = f"near {like}"
        mark = "  OUTSIDE" if one["is_outside"] else ""
        lines.append(
            f"{one['layers']:>6} {one['d_model']:>7} {one['d_ffn']:>7} {one['heads']:>5} "
            f"{one['size']:>6.2f} B  {one['expected']:>8.1f}  "
            f"{one['low']:5.1f} to {one['high']:5.1f}   {like}{mark}"
        )
    return "\n".join([*lines, *(f"Warning: {warning}" for warning in found["warnings"])])


def main(arguments: list[str] | None = None) -> int:
    """Advise; return 0, or 1 after an `error:` line on stderr."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="python -m ml.advise", description=_DESCRIPTION, epilog=_EPILOG, formatter_class=raw
    )
    parser.add_argument(
        "--size", type=positive, required=True, metavar="B", help="budget, billions of parameters"
    )
    parser.add_argument("--benchmark", required=True, help="what to rank by, gsm8k for one")
    parser.add_argument("--date", type=day, metavar="DAY", help="instead of today")
    parser.add_argument("--top", type=int, default=10, metavar="N", help="how many (default 10)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args(arguments)
    if args.top < 1:
        parser.error("--top: at least 1")
    try:
        settings = Settings()
        with open_warehouse(settings.warehouse) as connection:
            predictor = load(settings.predictor, data_version(connection))
        date = days(args.date or settings.today)
        found = advise(predictor, args.benchmark, args.size, date, args.top)
    except ModelstrataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(found, indent=1, allow_nan=False) if args.json else _text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
