"""Figures 2, 3a, 3b and 4: models over time, their classes, what is liked, and the frontier."""

import altair as alt
import duckdb

from report.figure import Drawing, Entry, Table
from report.names import billions
from report.rows import Row, grouped, rows, some
from report.style import PALETTE, colours, dashes, data, shapes, spec

_KINDS = {"all": "all models", "moe": "mixtures of experts", "multimodal": "multimodal"}
_TOP = 20
_YEARS = alt.Axis(format="%Y", tickCount="year")
_DECADES = alt.Axis(values=[0, 1, 10, 100, 1_000, 10_000, 100_000], format=",.0f")
#: Scores that Figure 4 asks the smallest model for.
_REACHED = 60


def monthly_counts(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Figure 2: new models by month, all of them, mixtures of experts, and multimodal ones."""
    months = rows(
        connection,
        """
        select class, month, n_new, n_so_far, coverage, n_models, n_before
        from marts.monthly_model_counts
        where population = 'all' and class in ('all', 'moe', 'multimodal')
        order by class, month
        """,
    )
    for one in months:
        one["kind"] = _KINDS[one["class"]]
    parts = grouped(months, "kind")
    kinds = list(parts)
    base = alt.Chart(data(months, "kind", "month", "n_new")).encode(
        x=alt.X("month:T", title=None, axis=_YEARS),
        y=alt.Y("n_new:Q", title="new models", scale=alt.Scale(type="symlog"), axis=_DECADES),
        color=alt.Color("kind:N", scale=colours(kinds), title=None),
    )
    line = base.mark_line().encode(
        strokeDash=alt.StrokeDash("kind:N", scale=dashes(kinds), title=None)
    )
    point = base.mark_point(size=22).encode(
        shape=alt.Shape("kind:N", scale=shapes(kinds), title=None),
        tooltip=["kind:N", alt.Tooltip("month:T", format="%B %Y"), "n_new:Q"],
    )
    peaks = {kind: max(part, key=lambda one: one["n_new"]) for kind, part in parts.items()}
    said = [f"{kind} in {one['month']:%B %Y} ({one['n_new']:,})" for kind, one in peaks.items()]
    sentence = f"Most new models a month: {', '.join(said)}."
    every = parts.get(_KINDS["all"], months)[0]
    caveat = (
        f"{every['n_models']:,} language models that the sources name, {every['coverage']:.0%} "
        f"with a date; {every['n_before']:,} are older than the Hub's dates, new in no month. No "
        "census of the Hub; the last month may be incomplete. The axis is logarithmic above 1."
    )
    table = Table.of(months, kind="class", month="month", n_new="new", n_so_far="so far")
    return Drawing(sentence, caveat, table, spec(alt.layer(line, point).properties(height=280)))


def architectures(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Figure 3a: the most frequent model classes."""
    classes = rows(
        connection,
        "select * from marts.architecture_counts where rank <= $1 order by rank",
        _TOP,
    )
    first = classes[0]
    others = [f"{one['architecture']} ({one['share']:.1%})" for one in classes[1:3]]
    sentence = (
        f"{first['architecture']} is the most frequent class with {first['n_models']:,} models "
        f"({first['share']:.1%} of those whose class is known)"
    )
    sentence += f"; then {' and '.join(others)}." if others else "."
    caveat = (
        f"{first['n_with_architecture']:,} of {first['n_models_total']:,} language models have a "
        "known class; quantised copies and adapters count too."
    )
    table = Table.of(
        classes, architecture="class", n_models="models", share="share", n_official="official",
        likes="likes",
    )  # fmt: skip
    return Drawing(sentence, caveat, table, _bars(classes, "architecture", "n_models", "models"))


def most_liked(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Figure 3b: the models with the most likes, and their sizes."""
    models = rows(
        connection,
        "select * from marts.most_liked_models where rank <= $1 order by rank",
        _TOP,
    )
    for one in models:
        one["label"] = billions(one["size"])
    classes = grouped([one for one in models if one["size_class"]], "size_class")
    largest = max(classes, key=lambda name: len(classes[name]), default=None)
    first = models[0]
    sentence = f"{first['model_id']} has the most likes ({first['likes']:,})"
    if largest:
        sentence += (
            f"; of the first {len(models)}, {len(classes[largest])} are of the class {largest}, "
            "the most frequent"
        )
    caveat = (
        "Likes as of the newest listing; of models that only a leaderboard counted, as old as the "
        "leaderboard. A model of the sources can be missing here for want of a count."
    )
    table = Table.of(
        models, model_id="model", likes="likes", downloads="downloads", size="size (B)",
        size_class="size class", date="date",
    )  # fmt: skip
    chart = _bars(models, "model_id", "likes", "likes", label="label")
    return Drawing(f"{sentence}.", caveat, table, chart)


def _bars(
    values: list[Row], name: str, number: str, title: str, label: str | None = None
) -> dict[str, object]:
    shown = data(values, name, number, *([label] if label else []))
    longest = max(one[number] for one in values)
    base = alt.Chart(shown).encode(
        y=alt.Y(f"{name}:N", sort=None, title=None),
        # Room for the labels at the ends.
        x=alt.X(f"{number}:Q", title=title, scale=alt.Scale(domainMax=1.25 * longest, nice=False)),
    )
    bars = base.mark_bar(color=PALETTE[0]).encode(tooltip=[f"{name}:N", f"{number}:Q"])
    text = base.mark_text(align="left", dx=4, color="currentColor", fontSize=11).encode(
        text=alt.Text(f"{label}:N") if label else alt.Text(f"{number}:Q", format=",")
    )
    return spec(alt.layer(bars, text).properties(height={"step": 19}))


def frontier(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Figure 4: MMLU of pretrained models over time, with their size and the best so far."""
    models = rows(
        connection,
        """
        select model_id, models.date, score, structures.size
        from marts.benchmark_scores
        join marts.models using (model_id)
        left join marts.model_structures as structures using (model_id)
        where leaderboard = 'open_llm_v1' and benchmark = 'mmlu' and training_type = 'pretrained'
            and not coalesce(is_flagged, false) and models.date is not null
        order by models.date, model_id
        """,
    )
    best = rows(
        connection,
        """
        select month, best_score_so_far, best_model_so_far, n_scored, n_used
        from marts.benchmark_frontier
        where leaderboard = 'open_llm_v1' and benchmark = 'mmlu' and population = 'pretrained'
            and size_class = 'all'
        order by month
        """,
    )
    points = (
        alt.Chart(data(models, "model_id", "date", "score", "size"))
        .mark_point(opacity=0.55, color=PALETTE[0])
        .encode(
            x=alt.X("date:T", title=None, axis=_YEARS),
            y=alt.Y("score:Q", title="MMLU", scale=alt.Scale(zero=False)),
            size=alt.Size(
                "size:Q",
                title="size (billions)",
                scale=alt.Scale(type="sqrt", range=[15, 500]),
                legend=alt.Legend(values=[1, 7, 70, 180]),
            ),
            tooltip=["model_id:N", "date:T", "score:Q", "size:Q"],
        )
    )
    line = (
        alt.Chart(data(best, "month", "best_score_so_far", "best_model_so_far"))
        .mark_line(interpolate="step-after", color=PALETTE[1], strokeDash=[6, 3])
        .encode(x="month:T", y="best_score_so_far:Q")
    )
    first, last = best[0], best[-1]
    sentence = (
        f"The best MMLU of a pretrained model rose from {first['best_score_so_far']:.0f} "
        f"({first['month']:%B %Y}) to {last['best_score_so_far']:.0f} ({last['month']:%B %Y})"
    )
    sentence += _shrunk(connection)
    caveat = (
        f"{last['n_used']:,} dated models of {last['n_scored']:,} that their submitters call "
        "pretrained; the dashed line is the best so far. Submission dates can be a year late, and "
        "a frontier collects what is wrong: models that saw the questions, sizes stated wrongly."
    )
    table = Table.of(models, model_id="model", date="date", size="size (B)", score="MMLU")
    chart = alt.layer(points, line).properties(height=330)
    return Drawing(f"{sentence}.", caveat, table, spec(chart))


def _shrunk(connection: duckdb.DuckDBPyConnection) -> str:
    """Say how the smallest model that reaches the score shrank; nothing if none does."""
    smallest = some(
        connection,
        """
        select size
        from marts.smallest_models_to_reach
        where leaderboard = 'open_llm_v1' and benchmark = 'mmlu' and population = 'pretrained'
            and threshold = $1
        order by month
        """,
        _REACHED,
    )
    if not smallest:
        return ""
    first, last = smallest[0]["size"], smallest[-1]["size"]
    return (
        f"; the smallest that reaches {_REACHED} shrank from {billions(first)} to {billions(last)}"
        " parameters"
    )


FIGURES = (
    Entry("figure-2", "Figure 2. New models by month", monthly_counts),
    Entry("figure-3a", "Figure 3a. Model classes", architectures),
    Entry("figure-3b", "Figure 3b. The most liked models", most_liked),
    Entry("figure-4", "Figure 4. MMLU over time", frontier),
)
