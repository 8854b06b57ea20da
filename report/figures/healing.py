"""What fine-tuning gives back to pruned models (Figure 6 of the relevance paper)."""

from statistics import fmean

import altair as alt
import duckdb

from report.figure import Drawing, Entry, Table
from report.names import CRITERIA, benchmark, between, chosen_by, listed
from report.rows import Row, grouped, rows
from report.style import colours, dashes, data, shapes, spec

COMMAND = "python -m gpu_jobs.relevance … --heal"
_STATES = {"pruned": "after pruning", "healed": "after healing"}


def _read(connection: duckdb.DuckDBPyConnection) -> tuple[str, list[Row]]:
    """Read the first model's pruned and healed scores, two rows a path, step and task."""
    found = rows(
        connection,
        """
        with healed as (
            select *
            from marts.pruning_paths
            where is_healed and unit = 'block'
            qualify row_number() over (
                partition by path_id, path_seed, task, step order by n_items desc, result_key
            ) = 1
        )

        select healed.model_id, healed.task, healed.criterion, healed.path, healed.path_seed,
            healed.method, healed.step, healed.before, pruned.after as pruned,
            healed.after as healed,
            healed.healing_loss_before as loss_before, healed.healing_loss as loss,
            healed.healing_best_step as best_step, healed.healing_items as trained_on,
            healed.n_layers, healed.n_items, healed.chance, healed.weights_format, healed.dtype
        from healed
        inner join marts.pruning_paths as pruned
            on healed.path_id = pruned.path_id and healed.task = pruned.task
            and healed.step = pruned.step and healed.n_items = pruned.n_items
            and healed.path_seed is not distinct from pruned.path_seed
        where not pruned.is_healed
        order by healed.model_id, healed.task, list_position($1, healed.criterion), healed.path,
            healed.method, healed.path_id, healed.path_seed, healed.step
        """,
        list(CRITERIA),
        command=COMMAND,
    )
    model, shown = next(iter(grouped(found, "model_id").items()))
    for one in shown:
        one["by"] = chosen_by(one["criterion"], one["path"], one["method"])
        one["on"] = benchmark(one["task"])
    return model, shown


def healing(connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw scores over the number of removed layers, before and after healing."""
    model, shown = _read(connection)
    states = list(_STATES.values())
    points = [
        {**one, "state": said, "score": one[state]}
        for one in shown
        for state, said in _STATES.items()
    ]
    paths = list(grouped(shown, "by"))
    base = alt.Chart(data(points, "on", "by", "step", "state", "score")).encode(
        x=alt.X("step:Q", title="layers removed", axis=alt.Axis(tickMinStep=1)),
        y=alt.Y("mean(score):Q", title="score", scale=alt.Scale(zero=False)),
        color=alt.Color("by:N", title="chosen by", scale=colours(paths)),
    )
    line = base.mark_line().encode(
        strokeDash=alt.StrokeDash("state:N", title="score", scale=dashes(states[::-1]))
    )
    point = base.mark_point().encode(
        shape=alt.Shape("by:N", title="chosen by", scale=shapes(paths)),
        detail="state:N",
    )
    chart = (
        alt.layer(line, point)
        .properties(width=260, height=200)
        .facet(facet=alt.Facet("on:N", title=None, sort=list(grouped(shown, "on"))), columns=2)
    )
    return Drawing(_sentence(model, shown), _caveat(shown), _table(shown), spec(chart))


def _sentence(model: str, shown: list[Row]) -> str:
    said = []
    for (task, steps), part in grouped(shown, "on", "step").items():
        moves = [
            f"{by} {fmean(one['pruned'] for one in some):.1f} to "
            f"{fmean(one['healed'] for one in some):.1f}"
            for by, some in grouped(part, "by").items()
        ]
        whole = part[0]["before"]
        said.append(f"without {steps} layers on {task} ({whole:.1f} whole) by {listed(moves)}")
    return f"Healing moves the score of {model} {'; '.join(said)}."


def _caveat(shown: list[Row]) -> str:
    first = shown[0]
    n_draws = max(len(part) for part in grouped(shown, "on", "by", "step").values())
    return (
        f"{first['n_layers']} layers, weights {first['weights_format']}, {first['dtype']}, scored "
        f"on {between([one['n_items'] for one in shown])} items of the test split, healed on "
        f"{between([one['trained_on'] for one in shown])} of train. Of random removals the mean "
        f"of up to {n_draws} draws; differences of few points are within chance."
    )


def _table(shown: list[Row]) -> Table:
    return Table.of(
        shown, on="task", by="chosen by", path_seed="draw", step="removed", before="before",
        pruned="pruned", healed="healed", chance="guessing", loss_before="loss before",
        loss="loss", best_step="best step", n_items="items",
    )  # fmt: skip


FIGURES = (Entry("figure-relevance-healing", "What healing gives back", healing),)
