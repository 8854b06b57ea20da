"""Tables 1, 2, 3 and 5 of the structure paper, as printed beside the same on these data."""

import csv
from pathlib import Path

import duckdb

from report.figure import Drawing, Entry, Table
from report.names import SIX, benchmark, listed
from report.rows import STUDY, Row, rows, some

#: Table 5 of the paper as printed, under the ids of the models that it means.
_PRINTED = Path(__file__).parents[1] / "printed_examples.csv"
#: Counts that change from day to day.
_COUNTS = ("likes", "downloads")


def column_statistics(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Table 1: statistics of each column."""
    found = rows(
        connection,
        """
        select column_name, statistic, position, value, plausible_value, printed
        from marts.column_statistics_comparison
        order by position, list_position(
            ['mean', 'mode', 'q1', 'q2', 'q3', 'max', 'skewness', 'kurtosis', 'miss_rate',
             'config_miss_rate'], statistic)
        """,
    )
    medians = [one for one in found if one["statistic"] == "q2" and one["value"] is not None]
    same = [one["column_name"] for one in medians if one["printed"] == round(one["value"])]
    other = [one["column_name"] for one in medians if one["printed"] != round(one["value"])]
    sentence = f"The median is the printed one for {listed(same) if same else 'no column'}"
    sentence += f"; it is another for {listed(other)}." if other else "."
    table = Table.of(
        found, column_name="column", statistic="statistic", printed="paper", value="here",
        plausible_value="here, plausible values",
    )  # fmt: skip
    caveat = (
        "The paper describes some 160,000 models, this warehouse those that its sources name; "
        "rates of missing values are percent, and compare with config_miss_rate."
    )
    return Drawing(sentence, caveat, table)


def r2(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Table 2: R² of each regressor and benchmark."""
    found = rows(
        connection,
        """
        select regressor, subject, split, paper_value, value, value_low, value_high, n, verdict
        from marts.paper_claims
        where kind = 'number' and measure = 'r2' and is_as_printed and printed_in like '%Table 2%'
            and split in ('random', 'grouped_structure')
        order by regressor, list_position($1, subject), split desc
        """,
        list(SIX),
        command=STUDY,
    )
    return _numbers(found, "R² in percent of key features")


def importances(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Table 3: R² and importances on BigCodeBench and IFEval."""
    found = rows(
        connection,
        """
        select
            claim, subject, split, paper_value, value, value_low, value_high, n, verdict
        from marts.paper_claims
        where kind = 'number' and is_as_printed and printed_in like '%Table 3%'
            and split in ('random', 'grouped_structure')
        order by subject, claim, split desc
        """,
        command=STUDY,
    )
    return _numbers(found, "R² and importances in percent")


def _numbers(found: list[Row], what: str) -> Drawing:
    measured = [one for one in found if one["verdict"] != "not measured"]
    for one in found:
        one["name"] = benchmark(one["subject"])
    said = []
    for split, words in (
        ("random", "on the random split"),
        ("grouped_structure", "on structures never seen"),
    ):
        part = [one for one in measured if one["split"] == split]
        held = [one for one in part if one["verdict"] == "holds"]
        if part:
            said.append(f"{len(held)} of {len(part)} measured numbers hold {words}")
    sentence = f"{', '.join(said)}." if said else "None of the printed numbers was measured yet."
    left = len(found) - len(measured)
    caveat = (
        f"{what}, as printed and here with 95 % intervals; a number holds if it lies in the "
        f"interval and within 5 points. {left:,} of {len(found):,} rows are not measured"
    )
    caveat += f": {STUDY} fits what can be fitted." if left else "."
    first = {"claim": "claim"} if "claim" in found[0] else {"regressor": "regressor"}
    table = Table.of(
        found, **first, name="benchmark", split="split", paper_value="paper", value="here",
        value_low="low", value_high="high", n="models", verdict="verdict",
    )  # fmt: skip
    return Drawing(sentence[0].upper() + sentence[1:], caveat, table)


def examples(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Table 5: five models, printed and here."""
    with _PRINTED.open(encoding="utf-8", newline="") as file:
        printed = {row.pop("model_id"): row for row in csv.DictReader(file)}
    found = rows(
        connection,
        """
        select *
        from marts.models
        left join marts.model_structures using (model_id)
        where model_id in $1
        order by list_position($1, model_id)
        """,
        list(printed),
    )
    here = {one["model_id"]: one for one in found}
    scores = some(
        connection,
        "select model_id, benchmark, score from marts.benchmark_scores "
        "where leaderboard = 'open_llm_v1' and model_id in $1 order by all",
        list(printed),
    )
    for one in scores:
        if one["model_id"] in here:
            here[one["model_id"]][one["benchmark"]] = one["score"]
    names = list(next(iter(printed.values())))
    lines, equal, compared = [], 0, 0
    for name in names:
        line: list[object] = [benchmark(name)]
        for model in here:
            paper = float(printed[model][name]) if printed[model][name] else None
            ours = here[model].get(name)
            line += [paper, ours]
            if paper is not None and ours is not None and name not in _COUNTS:
                compared += 1
                equal += _is_printed(ours, paper, name)
        lines.append(tuple(line))
    headings = [f"{model}, {whose}" for model in here for whose in ("paper", "here")]
    sentence = (
        f"{equal} of {compared} printed sizes, structural values and scores are the same here."
    )
    caveat = (
        "Sizes are printed in whole billions; likes and downloads are of another day "
        "and not compared. Five models as the paper names them, by the ids meant."
    )
    return Drawing(sentence, caveat, Table(("column", *headings), lines))


def _is_printed(value: float, printed: float, name: str) -> bool:
    """Tell whether a value is the printed one, which of sizes has no decimals."""
    return abs(value - printed) < (1 if name == "size" else 0.005)


FIGURES = (
    Entry("table-1", "Table 1. Statistics of the columns", column_statistics),
    Entry("table-2", "Table 2. R² of regressors", r2),
    Entry("table-3", "Table 3. Importances for BigCodeBench and IFEval", importances),
    Entry("table-5", "Table 5. Five models", examples),
)
