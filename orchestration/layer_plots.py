"""Small plots of layers, as PNG inside Markdown, which the Dagster page shows.

Colours are those of Okabe and Ito, which colour-blind readers tell apart; marks differ, too.
"""

import base64
import io
from collections.abc import Sequence
from typing import Any

import dagster as dg
from matplotlib.figure import Figure

from gpu_jobs import path_plots, relevance_plots
from gpu_jobs.pruning_effects import at_chance

Rows = Sequence[dict[str, Any]]

_WIDTH = 7.0
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKS = ("o", "s", "^", "D", "v", "P", "x")
_MATRICES = ("q", "k", "v", "o", "up", "down", "gate")
_SELECTIONS = {"block_influence": "lowest influence", "given": "given", "random": "random"}
#: Panels and lines of a plot at most; what is left out is said.
_PANELS, _LINES = 6, 60
_NAMED = 22


def influence_bars(model: str, rows: Rows) -> dg.MetadataValue:
    """Plot block influence by layer, a panel for each benchmark."""
    benchmarks = sorted({row["benchmark"] for row in rows})
    figure, panels = _panels(len(benchmarks), 1, 1.7)
    for panel, benchmark in zip(panels, benchmarks, strict=False):
        chosen = [row for row in rows if row["benchmark"] == benchmark]
        layers = [row["layer"] for row in chosen]
        panel.bar(layers, [row["block_influence"] for row in chosen], color=_COLOURS[0])
        panel.set_title(benchmark, fontsize=10, loc="left")
        panel.set_ylabel("block influence")
        panel.xaxis.get_major_locator().set_params(integer=True)
    panels[-1].set_xlabel("layer")
    return _as_markdown(figure, f"Block influence of the layers of {model}", len(benchmarks))


def effect_intervals(model: str, rows: Rows) -> dg.MetadataValue:
    """Plot what removals do to scores, with 95 % intervals, a panel for each benchmark."""
    benchmarks = sorted({row["benchmark"] for row in rows})
    order = ("n_removed", "selection", "selection_seed", "removed_layers")
    removals = sorted(
        {tuple(row[name] for name in order) for row in rows}, key=lambda one: [str(x) for x in one]
    )
    removals.sort(key=lambda one: one[0])
    shown = removals[:_LINES]
    height = 1.1 + 0.24 * len(shown)
    figure, panels = _panels(len(benchmarks), 2, height, share_y=True)
    for panel, benchmark in zip(panels, benchmarks, strict=False):
        chosen = [row for row in rows if row["benchmark"] == benchmark]
        for row in chosen:
            removal = tuple(row[name] for name in order)
            if removal not in shown:
                continue
            kind = list(_SELECTIONS).index(row["selection"])
            low, high = row["difference_low"], row["difference_high"]
            place = shown.index(removal)
            if None not in (low, high):
                panel.plot([low, high], [place, place], color=_COLOURS[kind], linewidth=1.5)
            panel.plot(row["difference"], place, _MARKS[kind], color=_COLOURS[kind], markersize=5)
        panel.axvline(0, color="#888888", linewidth=0.8, linestyle="--")
        name = f"{benchmark} (full model at chance)" if at_chance(chosen[0]) else benchmark
        panel.set_title(name, fontsize=10, loc="left")
        panel.set_xlabel("score after − before (points)")
        panel.set_yticks(range(len(shown)), [_named(*removal) for removal in shown])
        panel.set_ylim(len(shown) - 0.5, -0.5)
    left_out = len(removals) - len(shown)
    return _as_markdown(
        figure, f"Scores of {model} after layers are removed", len(benchmarks), left_out
    )


def nuclear_norms(model: str, rows: Rows) -> dg.MetadataValue:
    """Plot gradients' nuclear norms by layer and matrix, a panel for each data set and step."""
    found = [row for row in rows if row["sampling"] == "all"]
    cells = sorted({(row["dataset"], row["step"]) for row in found})
    figure, panels = _panels(len(cells), 2, 2.6)
    handles: list[Any] = []
    for panel, (dataset, step) in zip(panels, cells, strict=False):
        handles = []
        for number, matrix in enumerate(_MATRICES):
            chosen = sorted(
                (row["layer"], row["nuclear_norm"])
                for row in found
                if (row["dataset"], row["step"], row["matrix"]) == (dataset, step, matrix)
            )
            if chosen:
                handles += panel.plot(
                    *zip(*chosen, strict=True),
                    color=_COLOURS[number],
                    marker=_MARKS[number],
                    markersize=3.5,
                    linewidth=1.1,
                    label=matrix,
                )
        panel.set_yscale("log")
        panel.set_title(f"{dataset}, step {step}", fontsize=10, loc="left")
        panel.set_xlabel("layer")
        panel.xaxis.get_major_locator().set_params(integer=True)
        panel.set_ylabel("nuclear norm")
    figure.legend(handles=handles, loc="outside lower center", ncols=len(_MATRICES), fontsize=9)
    return _as_markdown(figure, f"Nuclear norms of the gradients of {model}", len(cells))


def relevance_by_task(model: str, rows: Rows) -> dg.MetadataValue:
    """Plot the relevance of layers in the relevance paper's colours, a row a task."""
    title = f"Relevance of the layers of {model}"
    return _shown(relevance_plots.by_task(title, rows), title)


def scores_along_paths(model: str, rows: Rows) -> dg.MetadataValue:
    """Plot what is left of scores as layers are removed, a panel for each task."""
    title = f"Scores of {model} as layers are removed"
    return _shown(path_plots.path_lines(title, rows), title)


def _panels(
    number: int, columns: int, height: float, *, share_y: bool = False
) -> tuple[Figure, list[Any]]:
    number = min(number, _PANELS)
    columns = min(columns, number)
    n_rows = -(-number // columns)
    figure = Figure(figsize=(_WIDTH, height * n_rows + 0.4), dpi=100, layout="constrained")
    panels = list(figure.subplots(n_rows, columns, sharey=share_y, squeeze=False).flat)
    for panel in panels[number:]:
        panel.remove()
    for panel in panels[:number]:
        panel.grid(alpha=0.3)
        panel.set_axisbelow(True)
        panel.spines[["top", "right"]].set_visible(False)
    return figure, panels[:number]


def _named(n_removed: int, selection: str, seed: int | None, layers: str) -> str:
    """Name a removal by its kind and its layers, as far as they have room."""
    short = layers if len(layers) <= _NAMED else layers[: _NAMED - 1].rsplit(" ", 1)[0] + " …"
    draw = "" if seed is None else f" {seed}"
    return f"{_SELECTIONS[selection]}{draw}: {short}"


def _as_markdown(
    figure: Figure, title: str, n_panels: int, n_left_out: int = 0
) -> dg.MetadataValue:
    figure.suptitle(title, fontsize=11)
    more = [
        f"{number} {what} are left out here."
        for number, what in ((n_panels - _PANELS, "panels"), (n_left_out, "removals"))
        if number > 0
    ]
    return _shown(figure, title, *more)


def _shown(figure: Figure, title: str, *more: str) -> dg.MetadataValue:
    written = io.BytesIO()
    figure.savefig(written, format="png")
    image = base64.b64encode(written.getvalue()).decode()
    return dg.MetadataValue.md("\n\n".join([f"![{title}](data:image/png;base64,{image})", *more]))
