"""What is wrong with the data: what was set aside, conflicts, imputation, and how old facts are."""

import altair as alt
import duckdb

from report.figure import Drawing, Entry, Table
from report.names import listed
from report.rows import rows
from report.style import PALETTE, data, spec


def set_aside(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Records and values that were set aside, by reason."""
    found = rows(
        connection,
        """
        select reason, rejected_from, count(*) as n, count(distinct model_id) as n_models,
            any_value(meaning) as meaning, any_value(remedy) as remedy
        from marts.rejected_records
        group by reason, rejected_from
        order by n desc, reason, rejected_from
        """,
    )
    total = sum(one["n"] for one in found)
    for one in found:
        one["what"] = f"{one['reason']} ({one['rejected_from']})"
    first = found[0]
    sentence = (
        f"{total:,} records and values are set aside; most often ({first['n']:,}) as "
        f"{first['reason']} of {first['rejected_from']}: {first['meaning']}"
    )
    base = alt.Chart(data(found[:15], "what", "n")).encode(
        y=alt.Y("what:N", sort=None, title=None),
        x=alt.X("n:Q", title="records and values", scale=alt.Scale(type="symlog"), axis=_DECADES),
    )
    text = base.mark_text(align="left", dx=4, color="currentColor", fontSize=11).encode(
        text=alt.Text("n:Q", format=",")
    )
    chart = alt.layer(base.mark_bar(color=PALETTE[0]), text).properties(height={"step": 19})
    caveat = "Nothing is dropped without a row here. The axis is logarithmic above 1."
    table = Table.of(
        found, reason="reason", rejected_from="kept out of", n="number", n_models="models",
        meaning="meaning", remedy="remedy",
    )  # fmt: skip
    return Drawing(sentence, caveat, table, spec(chart))


_DECADES = alt.Axis(
    values=[0, 1, 10, 100, 1_000, 10_000, 100_000], format=",.0f", labelOverlap=True
)


def results_set_aside(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Measured results that were set aside, by reason."""
    found = rows(
        connection,
        """
        select reason, rejected_from, count(*) as n, sum(n_rows)::bigint as n_rows,
            any_value(meaning) as meaning, any_value(remedy) as remedy
        from marts.rejected_results
        group by reason, rejected_from
        order by n desc, reason, rejected_from
        """,
        command="make gpu",
    )
    sentence = f"{sum(one['n'] for one in found):,} results of layer jobs are set aside whole."
    table = Table.of(
        found, reason="reason", rejected_from="kept out of", n="results", n_rows="rows",
        meaning="meaning", remedy="remedy",
    )  # fmt: skip
    return Drawing(sentence, "A result with one impossible number is set aside whole.", table)


def conflicts(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Structural values on which sources disagree, by field."""
    found = rows(
        connection,
        """
        select field, count(distinct model_id) as n_models,
            count(distinct model_id) filter (n_sources > 1) as n_several,
            count(distinct model_id) filter (has_conflict) as n_conflicts,
            count(*) filter (not is_plausible) as n_implausible
        from (
            select *, count(*) over (partition by model_id, field) as n_sources
            from marts.structure_values
        )
        group by field
        order by n_conflicts desc, field
        """,
    )
    worst = [f"{one['field']} ({one['n_conflicts']:,})" for one in found[:3] if one["n_conflicts"]]
    sentence = (
        f"Sources disagree most on {listed(worst)}."
        if worst
        else "No two sources disagree on any value."
    )
    caveat = (
        "The most trusted source decides, field by field; the mart structure_values has every "
        "value seen. Only models with two sources can have a conflict."
    )
    table = Table.of(
        found, field="field", n_models="models with a value", n_several="with several sources",
        n_conflicts="with a conflict", n_implausible="implausible values",
    )  # fmt: skip
    return Drawing(sentence, caveat, table)


def imputation(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """How often an imputed value is right."""
    found = rows(connection, "select * from marts.imputation_accuracy order by field")
    used = [one for one in found if one["is_used"] and one["accuracy_author_out"] is not None]
    used.sort(key=lambda one: one["accuracy_author_out"])
    sentence = "No field is imputed."
    if used:
        low, high = used[0], used[-1]
        sentence = (
            f"Imputed values are right in {low['accuracy_author_out']:.1%} ({low['field']}) to "
            f"{high['accuracy_author_out']:.1%} ({high['field']}) of trials."
        )
    caveat = (
        "Tried on models whose config is known, without all models of their author; those are "
        "better known than models without a config, so take it as an upper bound."
    )
    table = Table.of(
        found, field="field", n_author_out="trials", accuracy_author_out="right",
        n_imputed="models that get one", n_candidates="candidates", is_used="used",
    )  # fmt: skip
    return Drawing(sentence, caveat, table)


def freshness(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """How old the facts are."""
    found = rows(
        connection,
        """
        select 'listing of the Hub' as what, min(first_seen_on) as oldest,
            max(last_seen_on) as newest, count(*) as n
        from marts.model_lifetimes
        having count(*) > 0
        union all
        select 'models, by date', min(date), max(date), count(date)
        from marts.models
        having count(*) > 0
        union all
        select 'scores of ' || leaderboard, min(evaluated_on), max(evaluated_on), count(*)
        from marts.benchmark_scores
        group by leaderboard
        order by newest desc nulls last, what
        """,
        command="make refresh",
    )
    dated = [one for one in found if one["newest"] is not None]
    sentence = "Nothing is dated."
    if dated:
        said = [f"{one['what']} ({one['newest']:%Y-%m-%d})" for one in (dated[0], dated[-1])]
        sentence = f"The newest facts are the {said[0]}, the oldest the {said[1]}."
    caveat = "make freshness holds the ages against limits; make refresh brings what is new."
    table = Table.of(found, what="what", oldest="oldest", newest="newest", n="rows")
    return Drawing(sentence, caveat, table)


def contents(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Rows of every mart."""
    names = [
        name
        for (name,) in connection.execute(
            "select table_name from duckdb_tables() where schema_name = 'marts' order by all"
        ).fetchall()
    ]
    counted = [
        (mart, connection.table(f"marts.{mart}").count("*").fetchall()[0][0]) for mart in names
    ]
    empty = [mart for mart, n in counted if not n]
    sentence = f"{len(counted) - len(empty)} of {len(counted)} marts have rows"
    sentence += f"; empty are {listed(empty)}." if empty else "."
    caveat = "What fills an empty mart stands with its figure."
    return Drawing(sentence, caveat, Table(("mart", "rows"), counted))


FIGURES = (
    Entry("table-set-aside", "What was set aside", set_aside),
    Entry("table-results-set-aside", "Measured results set aside", results_set_aside),
    Entry("table-conflicts", "Where sources disagree", conflicts),
    Entry("table-imputation", "How good imputed values are", imputation),
    Entry("table-freshness", "How old the facts are", freshness),
    Entry("table-marts", "What the warehouse holds", contents),
)
