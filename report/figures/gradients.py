"""Figures 10, 16 and 17: nuclear norms of the gradients of fine-tuning, by layer and matrix."""

from functools import partial

import altair as alt
import duckdb

from report.figure import Drawing, Entry, NoRows, Table
from report.names import benchmark, between
from report.rows import Row, grouped, rows
from report.style import colours, dashes, data, shapes, spec

COMMAND = "make gpu ANALYSIS=layer_gradients"
MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
#: What the paper measured; any other model by its name.
_PRINTED = ("Qwen/Qwen2-0.5B", "meta-llama/Llama-3.2-3B")
_TASKS = ("arc_challenge", "truthfulqa")


def norms(place: int, connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw the norms on ARC-Challenge and TruthfulQA of the first model, or of a further one."""
    found = _measured(connection, "dataset in ?", list(_TASKS))
    models = list(grouped(found, "model_id").items())
    if place >= len(models):
        raise NoRows(
            "One model was measured, and this is the place of a second.",
            f"{COMMAND} MODELSTRATA_GPU_MODEL=…",
        )
    model, shown = models[place]
    return _drawing(model, shown, "depends on the task")


def styles(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw the norms on styles of writing (Figure 17), of the first model."""
    found = _measured(connection, "dataset like ?", "style_%")
    model, shown = next(iter(grouped(found, "model_id").items()))
    return _drawing(model, shown, "depends on the style")


def _measured(connection: duckdb.DuckDBPyConnection, condition: str, value: object) -> list[Row]:
    """Read whole models' norms before any step of fine-tuning, of all samples."""
    found = rows(
        connection,
        f"""
        select *
        from marts.layer_gradients
        where sampling = 'all' and step = 0 and {condition}
        order by list_position(?, model_id) nulls last, model_id, dataset, layer,
            list_position(?, matrix), result_key
        """,  # noqa: S608 - one of two conditions above
        value,
        list(_PRINTED),
        list(MATRICES),
        command=COMMAND,
    )
    for one in found:
        one["set"] = benchmark(one["dataset"])
    return found


def _drawing(model: str, shown: list[Row], what: str) -> Drawing:
    panels = grouped(shown, "set")
    matrices = [name for name in MATRICES if name in grouped(shown, "matrix")]
    base = alt.Chart(data(shown, "set", "layer", "matrix", "nuclear_norm")).encode(
        x=alt.X("layer:Q", title="layer", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("nuclear_norm:Q", title="nuclear norm", scale=alt.Scale(type="log")),
        color=alt.Color("matrix:N", scale=colours(matrices), title="matrix"),
    )
    line = base.mark_line(strokeWidth=1.3).encode(
        strokeDash=alt.StrokeDash("matrix:N", scale=dashes(matrices), title="matrix")
    )
    point = base.mark_point(size=22).encode(
        shape=alt.Shape("matrix:N", scale=shapes(matrices), title="matrix"),
        tooltip=["set:N", "layer:Q", "matrix:N", "nuclear_norm:Q"],
    )
    chart = (
        alt.layer(line, point)
        .properties(width=280, height=210)
        .facet(facet=alt.Facet("set:N", title=None, sort=list(panels)), columns=2)
    )
    deep = {name: _share_of_last_third(part) for name, part in panels.items()}
    most, least = max(deep, key=deep.__getitem__), min(deep, key=deep.__getitem__)
    sentence = (
        f"How the gradient lies over the layers {what}: the last third of them holds "
        f"{deep[most]:.0%} of the norms of {model} on {most}"
    )
    sentence += f", {deep[least]:.0%} on {least}." if len(deep) > 1 else "."
    first = shown[0]
    samples = between([one["n_samples"] for one in shown])
    caveat = (
        f"{first['n_layers']} layers, weights {first['weights_format']}, {first['dtype']}, "
        f"{samples} samples a set, before any step. Short answers alone make gradients "
        "larger; the mart has samples of matched length beside."
    )
    table = Table.across(shown, ("set", "layer"), "matrix", "nuclear_norm")
    return Drawing(sentence, caveat, table, spec(chart))


def _share_of_last_third(part: list[Row]) -> float:
    total = sum(one["nuclear_norm"] for one in part)
    last = sum(one["nuclear_norm"] for one in part if one["layer"] >= one["n_layers"] * 2 / 3)
    return last / total if total else 0.0


FIGURES = (
    Entry("figure-10", "Figure 10. Gradients on two benchmarks", partial(norms, 0)),
    Entry("figure-16", "Figure 16. Gradients, a second model", partial(norms, 1)),
    Entry("figure-17", "Figure 17. Gradients on styles of writing", styles),
)
