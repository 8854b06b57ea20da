"""What paths of removals leave of scores: at their ends (Tables 1 and 5), and step by step."""

from statistics import fmean

import altair as alt
import duckdb

from report.figure import Drawing, Entry, NoRows, Table
from report.names import CRITERIA, benchmark, between, chosen_by, listed
from report.rows import Row, grouped, present, rows
from report.style import colours, dashes, data, shapes, spec, zero_line

COMMAND = "make gpu ANALYSIS=pruning_paths"
_KINDS = {
    "iterative": "measured again each time",
    "one_shot": "measured once",
    "beam": "several sets kept",
    "block": "adjacent layers",
    "random": "random draw",
}


def _read(connection: duckdb.DuckDBPyConnection, which: str) -> tuple[str, list[Row]]:
    """Read steps of the first model's paths that have a mark, `is_last` or `has_steps`.

    Paths that were found on one task and are scored on another are left out.
    """
    found = rows(
        connection,
        """
        select model_id, path, criterion, calibration, path_seed, method, step, task, layer,
            removed_layers, before, after, difference, difference_low, difference_high, chance,
            is_at_chance, n_items, calibration_items, calibration_split, n_layers,
            weights_format, dtype,
            (step, n_items) = max_by((step, n_items), (n_paths, step, n_items)) over (
                partition by model_id, task
            ) as is_last,
            count(*) over (partition by path_id, path_seed, task, n_items) > 1 as has_steps
        from (
            select *,
                count(*) over (partition by model_id, task, step, n_items, is_healed) as n_paths
            from marts.pruning_paths
        ) as paths
        where
            not coalesce(is_healed, false) and unit = 'block'
            and (
                coalesce(calibration = task, true)
                or calibration not in (select task from marts.pruning_paths)
            )
        order by
            model_id, task, list_position($1, criterion), list_position($2, path), calibration,
            path_seed, method, path_id, step, n_items
        """,
        list(CRITERIA),
        list(_KINDS),
        command=COMMAND,
    )
    model, every = next(iter(grouped(found, "model_id").items()))
    shown = [one for one in every if one[which]]
    if not shown:
        raise NoRows("Paths were scored at their ends alone.", COMMAND)
    for one in shown:
        one["on"] = benchmark(one["task"]) + (", at chance" if one["is_at_chance"] else "")
        one["kind"] = _KINDS[one["path"]]
        one["by"] = chosen_by(one["criterion"], one["path"], one["method"])
        if one["calibration"] not in (None, one["task"]):
            one["by"] += f" on {benchmark(one['calibration'])}"
    return model, shown


def ends(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw what removals do to each task's score where most paths were scored, a row a path."""
    model, shown = _read(connection, "is_last")
    kinds = present(_KINDS.values(), shown, "kind")
    places = {criterion: place for place, criterion in enumerate(CRITERIA)}
    order = list(grouped(sorted(shown, key=lambda one: places[one["criterion"]]), "by"))
    panels = list(grouped(shown, "on"))
    values = data(
        shown, "on", "by", "kind", "difference", "difference_low", "difference_high", "before",
        "after", "removed_layers",
    )  # fmt: skip
    title = "score after − before"
    base = alt.Chart(values).encode(
        y=alt.Y("by:N", title=None, sort=order),
        color=alt.Color("kind:N", title="layers", scale=colours(kinds)),
    )
    interval = (
        base.transform_filter(alt.datum.kind != _KINDS["random"])
        .mark_rule(strokeWidth=1.5)
        .encode(x=alt.X("difference_low:Q", title=title), x2="difference_high")
    )
    point = base.mark_point(size=45).encode(
        x=alt.X("difference:Q", title=title),
        shape=alt.Shape("kind:N", title="layers", scale=shapes(kinds)),
        tooltip=["by:N", "removed_layers:N", "before:Q", "after:Q", "difference:Q"],
    )
    zero = zero_line(values, "on", x=alt.datum(0))
    chart = (
        alt.layer(zero, interval, point, data=values)
        .properties(width=190, height={"step": 15})
        .facet(facet=alt.Facet("on:N", title=None, sort=panels), columns=2)
    )
    return Drawing(_best(model, shown), _caveat(shown), _table(shown), spec(chart))


def along(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw what is left of each task's score along the paths that were scored step by step."""
    model, shown = _read(connection, "has_steps")
    kinds = list(grouped(shown, "by"))
    base = alt.Chart(data(shown, "on", "by", "step", "after", "difference", "layer")).encode(
        x=alt.X("step:Q", title="layers removed", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("mean(after):Q", title="score", scale=alt.Scale(zero=False)),
        color=alt.Color("by:N", title="chosen by", scale=colours(kinds)),
    )
    line = base.mark_line().encode(
        strokeDash=alt.StrokeDash("by:N", title="chosen by", scale=dashes(kinds))
    )
    point = base.mark_point().encode(
        shape=alt.Shape("by:N", title="chosen by", scale=shapes(kinds))
    )
    chart = (
        alt.layer(line, point)
        .properties(width=190, height=170)
        .facet(facet=alt.Facet("on:N", title=None, sort=list(grouped(shown, "on"))), columns=3)
    )
    return Drawing(_best(model, shown), _caveat(shown), _table(shown), spec(chart))


def _best(model: str, shown: list[Row]) -> str:
    said = []
    for name, part in grouped(shown, "on").items():
        steps = max(one["step"] for one in part)
        paths = grouped([one for one in part if one["step"] == steps], "by")
        left = {by: fmean(one["after"] for one in end) for by, end in paths.items()}
        best = max(left, key=left.__getitem__)
        text = f"{steps} on {name} by {best} ({left[best]:.1f} of {part[0]['before']:.1f}"
        said.append(text + (f", random {left['random']:.1f})" if "random" in left else ")"))
    return f"Most is left of {model} without {listed(said)}."


def _caveat(shown: list[Row]) -> str:
    first = shown[0]
    measured = [one["calibration_items"] for one in shown if one["calibration_items"]]
    splits = sorted({one["calibration_split"] for one in shown if one["calibration_items"]})
    of = "others of train" if splits == ["train"] else f"items of {' and '.join(splits)}"
    found = f" on {between(measured)} {of}" if measured else ""
    lazy = any(one["method"] != "exact" for one in shown)
    return (
        f"{first['n_layers']} layers, weights {first['weights_format']}, {first['dtype']}, scored "
        f"on {between([one['n_items'] for one in shown])} items of the test split, found{found}, "
        "not healed. Intervals are 95 %, paired with the whole model; a mean of random draws has "
        "none." + (" Some paths are approximate: the table names the method." if lazy else "")
    )


def _table(shown: list[Row]) -> Table:
    return Table.of(
        shown, on="task", by="chosen by", path_seed="draw", method="method", step="removed",
        removed_layers="layers", before="before", after="after", difference="difference",
        difference_low="low", difference_high="high", chance="guessing", n_items="items",
    )  # fmt: skip


FIGURES = (
    Entry("figure-relevance-ends", "What paths of removals leave", ends),
    Entry("figure-relevance-paths", "Scores along paths of removals", along),
)
