"""Figures 9 and 15: scores before and after layers are removed, beside random draws."""

from functools import partial

import altair as alt
import duckdb

from report.figure import Drawing, Entry, NoRows, Table
from report.names import benchmark, between, listed
from report.rows import Row, grouped, present, rows
from report.style import colours, data, shapes, spec, zero_line

COMMAND = "make gpu ANALYSIS=pruning"
#: What the paper pruned; any other model by its name.
_PRINTED = ("meta-llama/Llama-2-7b-hf", "Qwen/Qwen2-7B")
_KINDS = {"block_influence": "lowest influence", "given": "given", "random": "random draw"}


def effects(place: int, connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw what removals do to the scores of the first model, or of a further one."""
    found = rows(
        connection,
        """
        select *
        from marts.pruning_effects
        order by
            list_position($1, model_id) nulls last, model_id, benchmark, n_removed, selection,
            selection_seed, removed_layers, result_key
        """,
        list(_PRINTED),
        command=COMMAND,
    )
    models = list(grouped(found, "model_id").items())
    if place >= len(models):
        raise NoRows(
            "One model was measured, and this is the place of a second.",
            f"{COMMAND} MODELSTRATA_GPU_MODEL=…",
        )
    model, shown = models[place]
    for one in shown:
        chance = ", full model at chance" if one["is_at_chance"] else ""
        one["panel"] = benchmark(one["benchmark"]) + chance
        one["what"] = _KINDS[one["selection"]]
    table = Table.of(
        shown, panel="benchmark", n_removed="removed", removed_layers="layers", what="chosen by",
        before="before", after="after", difference="difference", difference_low="low",
        difference_high="high", chance="guessing", n_samples="documents", protocol="protocol",
        weights_format="weights", dtype="numbers",
    )  # fmt: skip
    return Drawing(_sentence(model, shown), _caveat(shown), table, _chart(shown))


def _chart(shown: list[Row]) -> dict[str, object]:
    kinds = present(_KINDS.values(), shown, "what")
    values = data(
        shown, "panel", "what", "n_removed", "difference", "difference_low", "difference_high",
        "removed_layers", "before", "after",
    )  # fmt: skip
    by, title = "layers chosen by", "score after − before"
    base = alt.Chart(values).encode(
        x=alt.X("n_removed:O", title="layers removed", axis=alt.Axis(labelAngle=0)),
        xOffset=alt.XOffset("what:N", sort=kinds),
        color=alt.Color("what:N", title=by, scale=colours(kinds)),
    )
    interval = base.mark_rule(strokeWidth=1.5).encode(
        y=alt.Y("difference_low:Q", title=title), y2="difference_high"
    )
    point = base.mark_point(size=55).encode(
        y=alt.Y("difference:Q", title=title),
        shape=alt.Shape("what:N", title=by, scale=shapes(kinds)),
        tooltip=["what:N", "removed_layers:N", "before:Q", "after:Q", "difference:Q"],
    )
    zero = zero_line(values, "panel", y=alt.datum(0))
    panels = list(grouped(shown, "panel"))
    return spec(
        alt.layer(zero, interval, point, data=values)
        .properties(width=190, height=170)
        .facet(facet=alt.Facet("panel:N", title=None, sort=panels), columns=3)
    )


def _sentence(model: str, shown: list[Row]) -> str:
    """Say what the largest removal of chosen layers costs, and that of as many drawn ones."""
    said = []
    for panel, part in grouped([one for one in shown if not one["is_at_chance"]], "panel").items():
        chosen = [one for one in part if one["selection"] != "random"]
        if not chosen:
            continue
        most = max(chosen, key=lambda one: one["n_removed"])
        drawn = [
            one["difference"]
            for one in part
            if one["selection"] == "random" and one["n_removed"] == most["n_removed"]
        ]
        text = f"without {most['n_removed']} layers {panel} changes by {most['difference']:+.1f}"
        if drawn:
            text += f" points (random draws of as many: {min(drawn):+.1f} to {max(drawn):+.1f})"
        said.append(text)
    if not said:
        return f"{model} cannot be told from guessing on any benchmark it was pruned on."
    return f"{model}: {listed(said)}."


def _caveat(shown: list[Row]) -> str:
    first = shown[0]
    samples = between([one["n_samples"] for one in shown])
    return (
        f"{first['n_layers']} layers, weights {first['weights_format']}, {first['dtype']}, "
        f"{samples} documents a benchmark, nothing trained again; bars are "
        "paired 95 % intervals. Where the full model is at chance a change tells nothing of layers."
    )


FIGURES = (
    Entry("figure-9", "Figure 9. Scores after pruning", partial(effects, 0)),
    Entry("figure-15", "Figure 15. Scores after pruning, a second model", partial(effects, 1)),
)
