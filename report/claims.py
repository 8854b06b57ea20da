"""What the structure paper claims, beside the same on these data, with a verdict."""

import re
from collections import Counter
from dataclasses import dataclass

import duckdb

from report.figure import NoRows
from report.names import listed
from report.rows import BUILD, Row, rows

VERDICTS = ("holds", "does not hold", "depends", "not measured")
#: The verdict's mark, told apart without colour.
MARKS = {"holds": "✓", "does not hold": "✗", "depends": "~", "not measured": "–"}
_PLACE = re.compile(r"(Figure|Table) (\d+[ab]?)")


@dataclass(frozen=True)
class Claims:
    """The claims, for the template.

    Attributes:
        sentence: how many of them hold.
        rows: rows of the mart as printed, with a link each and a mark; measured ones first.
        n_measured: how many of the rows are measured.
        command: what fills the mart, if it has no rows.
    """

    sentence: str
    rows: list[Row]
    n_measured: int
    command: str = ""


def claims(connection: duckdb.DuckDBPyConnection) -> Claims:
    """Read the claims as the paper prints them, on the splits that the verdict is of."""
    try:
        found = rows(
            connection,
            """
            select *
            from marts.paper_claims
            where is_as_printed and split in ('none', 'random', 'grouped_structure')
            order by verdict = 'not measured', printed_in, statement, claim, split desc
            """,
        )
    except NoRows as none:
        return Claims(none.missing, [], 0, BUILD)
    for one in found:
        place = _PLACE.search(one["printed_in"])
        one["link"] = f"#{place[1].lower()}-{place[2]}" if place else ""
        one["mark"] = MARKS[one["verdict"]]
        one["holds_against"] = _against(one)
    overall = Counter(
        {one["claim"]: one["overall_verdict"] or one["verdict"] for one in found}.values()
    )
    told = [f"{overall[verdict]:,} {_said(verdict, overall[verdict])}" for verdict in VERDICTS]
    measured = sum(one["verdict"] != "not measured" for one in found)
    sentence = f"Of {overall.total():,} claims {listed(told)}."
    return Claims(sentence, found, measured)


def _said(verdict: str, number: int) -> str:
    many = {"holds": "hold", "does not hold": "do not hold", "depends": "depend"}
    if verdict == "not measured":
        return f"{'is' if number == 1 else 'are'} not measured"
    return verdict if number == 1 else many[verdict]


def _against(one: Row) -> str:
    """Say what a value is held against."""
    if one["kind"] == "number":
        return "–" if one["paper_value"] is None else f"{one['paper_value']:g}"
    sign = ">" if one["kind"] == "above" else "<"
    return f"{sign} {one['threshold']:g}"
