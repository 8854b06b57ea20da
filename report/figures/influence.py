"""Figure 14: block influence by layer and benchmark."""

import altair as alt
import duckdb

from report.figure import Drawing, Entry, Table
from report.names import benchmark, between, listed
from report.rows import grouped, rows
from report.style import SEQUENTIAL, data, spec

COMMAND = "make gpu"


def influence(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw how much each layer of the first model changes its input, by benchmark."""
    found = rows(
        connection,
        """
        select *
        from marts.block_influence
        qualify row_number() over (
            partition by model_id, benchmark, layer order by n_texts desc, result_key
        ) = 1
        order by model_id <> 'meta-llama/Llama-2-7b-hf', model_id, benchmark, layer
        """,
        command=COMMAND,
    )
    model, shown = next(iter(grouped(found, "model_id").items()))
    for one in shown:
        one["name"] = benchmark(one["benchmark"])
    panels = grouped(shown, "name")
    chart = (
        alt.Chart(data(shown, "name", "layer", "block_influence"))
        .mark_rect()
        .encode(
            x=alt.X("layer:O", title="layer", axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("name:N", title=None),
            color=alt.Color(
                "block_influence:Q",
                title="block influence (log)",
                scale=alt.Scale(scheme=SEQUENTIAL, type="log"),
            ),
            tooltip=["name:N", "layer:O", "block_influence:Q"],
        )
        .properties(height={"step": 24})
    )
    least: dict[int, list[str]] = {}
    for name, part in panels.items():
        layer = min(part, key=lambda one: one["block_influence"])["layer"]
        least.setdefault(layer, []).append(name)
    ordered = sorted(least.items(), key=lambda item: (-len(item[1]), item[0]))
    said = [f"{layer} on {listed(names)}" for layer, names in ordered]
    sentence = f"The layer of {model} that changes its input least is {'; '.join(said)}."
    first = shown[0]
    texts = between([one["n_texts"] for one in shown])
    caveat = (
        f"{first['n_layers']} layers, weights {first['weights_format']}, {texts} "
        "texts a benchmark. Influence is 1 less the mean cosine of what enters and "
        "leaves a layer; a layer that changes little may still be needed (figure 9, relevance)."
    )
    by_layer = sorted(shown, key=lambda one: one["layer"])
    table = Table.across(by_layer, ("layer",), "name", "block_influence")
    return Drawing(sentence, caveat, table, spec(chart))


FIGURES = (Entry("figure-14", "Figure 14. Block influence", influence),)
