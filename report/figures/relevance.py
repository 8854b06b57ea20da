"""The relevance paper's maps of layers, by criterion and by task, and which criteria agree."""

import altair as alt
import duckdb

from report.figure import Drawing, Entry, Table
from report.names import CRITERIA, benchmark, between, listed
from report.rows import Row, grouped, present, rows
from report.style import SEQUENTIAL, data, spec

COMMAND = "make gpu ANALYSIS=layer_relevance"


def _maps(connection: duckdb.DuckDBPyConnection) -> tuple[str, list[Row]]:
    """Read the maps of the whole first model: of each task and criterion that of most items."""
    found = rows(
        connection,
        """
        select model_id, task, criterion, layer, relevance, relevance_rank, n_items, n_layers,
            weights_format, dtype
        from marts.layer_relevance
        where step = 0 and relevance is not null and unit = 'block'
        qualify dense_rank() over (
            partition by model_id, task, criterion order by method, n_items desc, result_key
        ) = 1
        order by model_id, task, list_position($1, criterion), layer
        """,
        list(CRITERIA),
        command=COMMAND,
    )
    for one in found:
        one["on"] = benchmark(one["task"])
        one["by"] = CRITERIA[one["criterion"]]
    return next(iter(grouped(found, "model_id").items()))


def by_criterion(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw criterion × layer, a panel for each task."""
    model, shown = _maps(connection)
    return _map(model, shown, panel="on", across="by")


def by_task(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw task × layer, a panel for each criterion (Figures 1 and 4 of the relevance paper)."""
    model, shown = _maps(connection)
    return _map(model, shown, panel="by", across="on")


def _map(model: str, shown: list[Row], panel: str, across: str) -> Drawing:
    parts = grouped(shown, panel)
    # The first task may lack a criterion that others have.
    order = {
        "by": present(CRITERIA.values(), shown, "by"),
        "on": sorted(grouped(shown, "on")),
    }
    chart = (
        alt.Chart(data(shown, panel, across, "layer", "relevance_rank", "relevance"))
        .mark_rect()
        .encode(
            x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y(f"{across}:N", title=None, sort=order[across]),
            color=alt.Color(
                "relevance_rank:Q",
                title="rank (1 matters least)",
                scale=alt.Scale(scheme=SEQUENTIAL),
            ),
            tooltip=[f"{across}:N", "layer:O", "relevance:Q", "relevance_rank:Q"],
        )
        .properties(width=300, height={"step": 20})
        .facet(facet=alt.Facet(f"{panel}:N", title=None, sort=order[panel]), columns=2)
    )
    said = []
    for name, part in parts.items():
        least = [one for one in part if one["relevance_rank"] == 1]
        layers = sorted({one["layer"] for one in least})
        told = "layer" if len(layers) == 1 else "layers"
        said.append(f"{told} {listed([str(layer) for layer in layers])} ({name})")
    sentence = f"Of {model}, least relevant by one row or another: {'; '.join(said)}."
    first = shown[0]
    items = between([one["n_items"] for one in shown])
    caveat = (
        f"{first['n_layers']} layers, weights {first['weights_format']}, {first['dtype']}, "
        f"{items} items a task. Colours are ranks in a row, because criteria "
        "have scales of their own; the table has the values."
    )
    by_layer = sorted(shown, key=lambda one: (one[panel], one["layer"]))
    named = [{**one, "map": one[panel]} for one in by_layer]
    table = Table.across(named, ("map", "layer"), across, "relevance")
    return Drawing(sentence, caveat, table, spec(chart))


def agreement(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw how far criteria rank layers alike, the mean over tasks."""
    found = rows(
        connection,
        """
        -- Rounded, because sums depend on the order of threads, and a pair stands there twice.
        select model_id, criterion, reference, round(avg(spearman), 9) as spearman, count(*) as n,
            avg(n_quarter_shared / nullif(n_quarter, 0)) as shared, any_value(n_layers) as n_layers
        from marts.relevance_agreement
        where layers_compared = 'all' and spearman is not null and unit = 'block'
        group by model_id, criterion, reference
        order by model_id, list_position($1, criterion), list_position($1, reference)
        """,
        list(CRITERIA),
        command=COMMAND,
    )
    model, shown = next(iter(grouped(found, "model_id").items()))
    for one in shown:
        one["a"], one["b"] = CRITERIA[one["criterion"]], CRITERIA[one["reference"]]
    order = present(CRITERIA.values(), shown, "a")
    base = alt.Chart(data(shown, "a", "b", "spearman", "shared", "n")).encode(
        x=alt.X("b:N", sort=order, title=None, axis=alt.Axis(labelAngle=-40)),
        y=alt.Y("a:N", sort=order, title=None),
    )
    scale = alt.Scale(scheme=SEQUENTIAL, domain=[-1, 1])
    squares = base.mark_rect().encode(
        color=alt.Color("spearman:Q", title="Spearman", scale=scale),
        tooltip=["a:N", "b:N", "spearman:Q", "shared:Q", "n:Q"],
    )
    ink = alt.condition(alt.datum.spearman > 0, alt.value("black"), alt.value("white"))
    text = base.mark_text().encode(text=alt.Text("spearman:Q", format=".2f"), color=ink)
    ordered = sorted(shown, key=lambda one: one["spearman"])
    least, most = ordered[0], ordered[-1]
    sentence = (
        f"On the layers of {model} {most['a']} and {most['b']} agree most "
        f"({most['spearman']:.2f}), {least['a']} and {least['b']} least ({least['spearman']:.2f})."
    )
    caveat = (
        f"Spearman's rank correlation over {shown[0]['n_layers']} layers, the mean over "
        f"{max(one['n'] for one in shown):,} measurements at most. “Shared” is the share of the "
        "least relevant quarter that both name."
    )
    table = Table.of(
        shown, a="criterion", b="and", spearman="Spearman", shared="shared", n="measurements"
    )
    return Drawing(sentence, caveat, table, spec(alt.layer(squares, text).properties(height=280)))


FIGURES = (
    Entry("figure-relevance-tasks", "Relevance of layers, task by task", by_task),
    Entry("figure-relevance-criteria", "Relevance of layers, by criterion", by_criterion),
    Entry("figure-relevance-agreement", "Which criteria agree", agreement),
)
