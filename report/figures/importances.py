"""Figures 7, 8, 12 and 13: what a random forest on structure relies on, and on scores."""

from dataclasses import dataclass
from functools import partial

import altair as alt
import duckdb

from report.figure import Drawing, Entry, Table
from report.names import SIX, benchmark, listed
from report.rows import BUILD, STUDY, Row, grouped, rows
from report.style import colours, data, shapes, spec

#: What is drawn, by kind and split; the tables have all.
_DRAWN = {
    ("impurity", "random"): "impurity, random split (as in the paper)",
    ("permutation", "random"): "permutation, random split",
    ("permutation", "grouped_structure"): "permutation, structures never seen",
}


@dataclass(frozen=True)
class Cells:
    """Which forests a figure is of.

    Attributes:
        feature_set: what they saw.
        tier: the rows they were fitted on.
        way_back: whether they predict structure from scores.
    """

    feature_set: str
    tier: str
    way_back: bool = False

    @property
    def command(self) -> str:
        """What fits them: a build does those of Figure 7, the study all."""
        return BUILD if (self.feature_set, self.tier) == ("key", "exact") else STUDY


_FORWARD = """
    select
        benchmark, i.feature, i.kind, i.split, i.importance, i.importance_low, i.importance_high,
        s.r2, s.r2_low, s.r2_high, s.n, s.n_groups
    from marts.feature_importances as i
    join marts.regression_scores as s using (regressor, benchmark, feature_set, split, tier)
    where regressor = 'random_forest' and feature_set = $1 and tier = $2 and benchmark in $3
        and i.kind in ('impurity', 'permutation')
    order by list_position($3, benchmark), i.kind, i.split, i.feature
"""
_WAY_BACK = """
    select
        target as benchmark, i.feature, i.kind, i.split, i.importance, i.importance_low,
        i.importance_high, s.r2, s.r2_low, s.r2_high, s.n, s.n_groups
    from marts.inverse_feature_importances as i
    join marts.inverse_regression_scores as s using (regressor, target, feature_set, split, tier)
    where regressor = 'random_forest' and feature_set = $1 and tier = $2 and target in $3
        and i.kind in ('impurity', 'permutation')
    order by list_position($3, target), i.kind, i.split, i.feature
"""
_TARGETS = ("layers", "d_model", "d_ffn", "heads")


def importances(cells: Cells, connection: duckdb.DuckDBPyConnection) -> Drawing:
    """Draw importances with intervals, a panel for each thing predicted."""
    found = rows(
        connection,
        _WAY_BACK if cells.way_back else _FORWARD,
        cells.feature_set,
        cells.tier,
        list(_TARGETS if cells.way_back else SIX),
        command=cells.command,
    )
    for one in found:
        one["panel"] = one["benchmark"] if cells.way_back else benchmark(one["benchmark"])
        one["name"] = benchmark(one["feature"]) if cells.way_back else one["feature"]
        one["what"] = _DRAWN.get((one["kind"], one["split"]))
    table = Table.of(
        found, panel="predicted", name="feature", kind="kind", split="split",
        importance="importance", importance_low="low", importance_high="high", r2="R²", n="models",
        n_groups="groups",
    )  # fmt: skip
    shown = [one for one in found if one["what"]]
    return Drawing(_sentence(cells, shown), _caveat(cells, found), table, _chart(shown))


def _chart(shown: list[Row]) -> dict[str, object]:
    kinds = [what for what in _DRAWN.values() if what in grouped(shown, "what")]
    values = data(shown, "panel", "name", "what", "importance", "importance_low", "importance_high")
    base = alt.Chart(values).encode(
        y=alt.Y("name:N", title=None, sort=None),
        yOffset=alt.YOffset("what:N", sort=kinds),
        color=alt.Color("what:N", scale=colours(kinds), title=None),
    )
    interval = base.mark_rule(strokeWidth=2).encode(
        x=alt.X("importance_low:Q", title="importance"), x2="importance_high"
    )
    point = base.mark_point(size=55).encode(
        x=alt.X("importance:Q", title="importance"),
        shape=alt.Shape("what:N", scale=shapes(kinds), title=None),
        tooltip=["name:N", "what:N", "importance:Q", "importance_low:Q", "importance_high:Q"],
    )
    has_intervals = any(one["importance_low"] is not None for one in shown)
    panels = list(grouped(shown, "panel"))
    # An axis stands below each column, also where the last row has no panel.
    columns = 2 if len(panels) == 4 else 3
    return spec(
        alt.layer(*([interval] if has_intervals else []), point)
        .properties(width=170, height={"step": max(12, 22 - 4 * len(kinds))})
        .facet(facet=alt.Facet("panel:N", title=None, sort=panels), columns=columns)
    )


def _sentence(cells: Cells, shown: list[Row]) -> str:
    """Say which feature comes first for what, by the paper's own measure."""
    leaders: dict[str, list[str]] = {}
    printed = [one for one in shown if (one["kind"], one["split"]) == ("impurity", "random")]
    for panel, part in grouped(printed or shown, "panel").items():
        best = max(part, key=lambda one: one["importance"] or 0.0)
        leaders.setdefault(best["name"], []).append(panel)
    ordered = sorted(leaders.items(), key=lambda item: -len(item[1]))
    said = [f"{name} for {listed(panels)}" for name, panels in ordered]
    what = "score that tells most" if cells.way_back else "most important feature"
    return f"The {what} is {'; '.join(said)}."


def _caveat(cells: Cells, found: list[Row]) -> str:
    first = next((one for one in found if one["split"] == "random"), found[0])
    r2 = {
        split: sorted(one["r2"] for one in part if one["r2"] is not None)
        for split, part in grouped(found, "split").items()
    }
    told = [
        f"{values[0]:.2f} to {values[-1]:.2f} {words}"
        for split, words in (
            ("random", "on a random split"),
            ("grouped_structure", "on structures never seen"),
        )
        if (values := r2.get(split))
    ]
    text = (
        f"Random forest, feature set {cells.feature_set}, tier {cells.tier}, {first['n']:,} models "
        f"in {first['n_groups']:,} groups"
    )
    if told:
        text += f"; R² is {', and '.join(told)}"
    return (
        f"{text}. Bars are 95 % intervals from forests refitted on groups drawn anew, where they "
        "were drawn; impurity favours columns of many values, such as date and size."
    )


FIGURES = tuple(
    Entry(id, title, partial(importances, cells))
    for id, title, cells in (
        ("figure-7", "Figure 7. Importances, with size and date", Cells("key", "exact")),
        ("figure-8a", "Figure 8a. Importances of structure", Cells("structure", "exact")),
        ("figure-8b", "Figure 8b. Which scores tell structure", Cells("scores", "exact", True)),
        (
            "figure-12a",
            "Figure 12a. Importances of structure, official providers",
            Cells("structure", "official"),
        ),
        (
            "figure-12b",
            "Figure 12b. Which scores tell structure, official providers",
            Cells("scores", "official", True),
        ),
        (
            "figure-13",
            "Figure 13. Importances of structure and date",
            Cells("structure_date", "exact"),
        ),
    )
)
