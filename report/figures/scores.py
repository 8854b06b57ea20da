"""Figures 1, 5 and 6: how models score, by size and training, and which benchmarks agree."""

from itertools import accumulate

import altair as alt
import duckdb

from report.figure import Drawing, Entry, Table
from report.names import SIX, benchmark
from report.rows import Row, grouped, rows
from report.style import PALETTE, SEQUENTIAL, colours, dashes, data, shapes, spec

#: Of the training types of the leaderboard those with enough models to have size bins of their own.
_TRAINED = ("pretrained", "fine-tuned", "chat", "merge")
_REASONING = ("ARC-Challenge", "HellaSwag", "WinoGrande")


def distributions(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Figure 1: how many models score how much on the first leaderboard's benchmarks."""
    bins = rows(
        connection,
        """
        select benchmark, lower, upper, n, n_models, n_failed_generations
        from marts.score_distributions
        where leaderboard = 'open_llm_v1' and population = 'all' and benchmark in $1
        order by list_position($1, benchmark), bin
        """,
        list(SIX),
    )
    for one in bins:
        one["name"] = benchmark(one["benchmark"])
    middles = {name: _middle_half(part) for name, part in grouped(bins, "name").items()}
    spans = {name: high - low for name, (low, high) in middles.items()}
    widest, narrowest = max(spans, key=spans.__getitem__), min(spans, key=spans.__getitem__)
    chart = (
        alt.Chart(data(bins, "name", "lower", "upper", "n"))
        .mark_bar(color=PALETTE[0], binSpacing=0)
        .encode(
            x=alt.X("lower:Q", bin="binned", title="score"),
            x2="upper",
            y=alt.Y("n:Q", title="models"),
            tooltip=["lower:Q", "upper:Q", "n:Q"],
        )
        .properties(width=190, height=130)
        .facet(facet=alt.Facet("name:N", title=None, sort=list(middles)), columns=3)
        .resolve_scale(y="independent")
    )
    low, high = middles[widest]
    sentence = (
        f"Scores spread most on {widest}, where the middle half of the models lies between "
        f"{low:g} and {high:g} points, and least on {narrowest} ({spans[narrowest]:g} points)."
    )
    caveat = (
        f"{max(one['n_models'] for one in bins):,} models of the first Open LLM Leaderboard, "
        "without flagged scores. Near copies of one base model all count. "
        f"{sum(one['n_failed_generations'] for one in bins):,} zeros are failed generations."
    )
    table = Table.of(bins, name="benchmark", lower="from", upper="to", n="models")
    return Drawing(sentence, caveat, table, spec(chart))


def _middle_half(bins: list[Row]) -> tuple[float, float]:
    """Return the edges of the bins in which the first and the third quarter of models end."""
    total = sum(one["n"] for one in bins)
    so_far = list(zip(accumulate(one["n"] for one in bins), bins, strict=True))
    low = next(one["lower"] for n, one in so_far if n >= 0.25 * total)
    return low, next(one["upper"] for n, one in so_far if n >= 0.75 * total)


def by_size(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Figure 5: scores by size bin and training type, with the middle half of each bin."""
    bins = rows(
        connection,
        """
        select
            benchmark, training_type, n, lowest_size, highest_size, median_size, mean_score,
            q1_score, q3_score, n_families
        from marts.score_by_size_bin
        where leaderboard = 'open_llm_v1' and population = 'all' and benchmark in $1
        order by list_position($1, benchmark), training_type, bin
        """,
        list(SIX),
    )
    for one in bins:
        one["name"] = benchmark(one["benchmark"])
    every = grouped([one for one in bins if one["training_type"] == "all"], "name")
    rises = {name: part[-1]["mean_score"] - part[0]["mean_score"] for name, part in every.items()}
    most, least = max(rises, key=rises.__getitem__), min(rises, key=rises.__getitem__)
    parts = grouped(bins, "training_type")
    kinds = [kind for kind in _TRAINED if kind in parts]
    shown = data(
        [one for kind in kinds for one in parts[kind]],
        "name", "training_type", "median_size", "mean_score", "q1_score", "q3_score", "n",
    )  # fmt: skip
    base = alt.Chart(shown).encode(
        x=alt.X("median_size:Q", scale=alt.Scale(type="log"), title="size (billions)"),
        color=alt.Color("training_type:N", scale=colours(kinds), title="training"),
    )
    score = alt.Y("mean_score:Q", title="score", scale=alt.Scale(zero=False))
    band = base.mark_area(opacity=0.13).encode(y=alt.Y("q1_score:Q", title="score"), y2="q3_score")
    line = base.mark_line().encode(
        y=score,
        strokeDash=alt.StrokeDash("training_type:N", scale=dashes(kinds), title="training"),
    )
    point = base.mark_point().encode(
        y=score,
        shape=alt.Shape("training_type:N", scale=shapes(kinds), title="training"),
        tooltip=["training_type:N", "median_size:Q", "mean_score:Q", "q1_score:Q", "q3_score:Q",
                 "n:Q"],
    )  # fmt: skip
    chart = (
        alt.layer(band, line, point)
        .properties(width=190, height=170)
        .facet(facet=alt.Facet("name:N", title=None, sort=list(rises)), columns=3)
        .resolve_scale(y="independent")
    )
    sentence = (
        f"From the smallest size bin to the largest, mean scores rise most on {most} "
        f"({rises[most]:+.0f} points) and least on {least} ({rises[least]:+.0f})."
    )
    n_models = max(sum(one["n"] for one in part) for part in every.values())
    caveat = (
        f"{n_models:,} models in bins of about equal numbers, all of one size in one bin; lines "
        "are means, bands the middle half. Sizes of this leaderboard are whole billions. Most "
        "models are fine-tunes of few families; “all” in the table has every training type."
    )
    table = Table.of(
        bins, name="benchmark", training_type="training", lowest_size="from (B)",
        highest_size="to (B)", n="models", n_families="families", mean_score="mean",
        q1_score="first quartile", q3_score="third quartile",
    )  # fmt: skip
    return Drawing(sentence, caveat, table, spec(chart))


def correlations(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Figure 6: Spearman's rank correlation of each pair of benchmarks."""
    cells = rows(
        connection,
        """
        select *
        from marts.score_correlations
        where population = 'all' and leaderboard_a = 'open_llm_v1' and leaderboard_b = 'open_llm_v1'
        order by list_position($1, benchmark_a), list_position($1, benchmark_b)
        """,
        list(SIX),
    )
    for one in cells:
        one["a"], one["b"] = benchmark(one["benchmark_a"]), benchmark(one["benchmark_b"])
    names = list(grouped(cells, "a"))
    base = alt.Chart(data(cells, "a", "b", "spearman", "n")).encode(
        x=alt.X("b:N", sort=names, title=None, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("a:N", sort=names, title=None),
    )
    colour = alt.Color("spearman:Q", scale=alt.Scale(scheme=SEQUENTIAL), title="Spearman")
    squares = base.mark_rect().encode(color=colour, tooltip=["a:N", "b:N", "spearman:Q", "n:Q"])
    values = [one["spearman"] for one in cells]
    is_bright = alt.datum.spearman > (min(values) + max(values)) / 2
    ink = alt.condition(is_bright, alt.value("black"), alt.value("white"))
    text = base.mark_text(fontSize=12).encode(text=alt.Text("spearman:Q", format=".2f"), color=ink)
    pairs = [one for one in cells if names.index(one["a"]) < names.index(one["b"])]
    pairs.sort(key=lambda one: -one["spearman"])
    best, worst = pairs[0], pairs[-1]
    three = [one["spearman"] for one in pairs if {one["a"], one["b"]} <= set(_REASONING)]
    sentence = (
        f"{best['a']} and {best['b']} go together most ({best['spearman']:.2f}), {worst['a']} and "
        f"{worst['b']} least ({worst['spearman']:.2f})"
    )
    if three:
        sentence += f"; among {', '.join(_REASONING)} it is at least {min(three):.2f}"
    caveat = (
        f"Rank correlation over {max(one['n'] for one in pairs):,} models at most, many of which "
        "are near copies; the table has the same over families too, with 95 % intervals."
    )
    table = Table.of(
        pairs, a="benchmark", b="and", n="models", spearman="Spearman", spearman_low="low",
        spearman_high="high", n_families="families and size classes",
        family_spearman="over families", family_spearman_low="families, low",
        family_spearman_high="families, high",
    )  # fmt: skip
    chart = alt.layer(squares, text).properties(height=280)
    return Drawing(f"{sentence}.", caveat, table, spec(chart))


FIGURES = (
    Entry("figure-1", "Figure 1. How models score", distributions),
    Entry("figure-5", "Figure 5. Scores by size and training", by_size),
    Entry("figure-6", "Figure 6. Which benchmarks go together", correlations),
)
