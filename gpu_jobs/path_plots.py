"""Plots of scores along paths of removals.

Colours, of Okabe and Ito, tell criteria apart, and marks and strokes the kinds of paths.
"""

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure

Rows = Sequence[dict[str, Any]]

_WIDTH = 7.5
_COLOURS = {
    **{"accuracy": "#D55E00", "cosine": "#0072B2", "perplexity": "#009E73", "taylor": "#CC79A7"},
    **{"output_cosine": "#56B4E9", "output_norm": "#E69F00", "output_divergence": "#000000"},
    "random": "#999999",
}
_STYLES = {
    **{"iterative": ("o", "-"), "one_shot": ("s", "--"), "block": ("^", ":"), "beam": ("D", "-.")},
    "random": ("", "-"),
}


def path_lines(title: str, rows: Rows) -> Figure:
    """Plot what is left of scores by the number of removed layers, a panel a task.

    The line at the bottom is chance; iterative paths have the 95 % intervals of their differences.

    Args:
        title: of the figure.
        rows: rows of `pruning_paths`; healed ones are left out.
    """
    shown = [row for row in rows if not row["healed"]]
    tasks = sorted({row["task"] for row in shown})
    ways = sorted({(row["path"], row["criterion"]) for row in shown})
    columns = min(2, len(tasks))
    n_rows = -(-len(tasks) // columns)
    figure = Figure(figsize=(_WIDTH, 2.7 * n_rows + 0.8), dpi=100, layout="constrained")
    axes = list(figure.subplots(n_rows, columns, squeeze=False).flat)
    handles: dict[str, Any] = {}
    for axis, task in zip(axes, tasks, strict=False):
        mine = [row for row in shown if row["task"] == task]
        for way in ways:
            mark, style = _STYLES[way[0]]
            # Random paths, and those of several calibrations, are lines of their own.
            own = [row for row in mine if (row["path"], row["criterion"]) == way]
            for one in sorted({_told_apart(row) for row in own}):
                points = sorted(
                    (row["step"], row["after"], row["difference_low"], row["difference_high"])
                    for row in own
                    if _told_apart(row) == one
                )
                before = own[0]["before"]
                steps, after = [0] + [p[0] for p in points], [before] + [p[1] for p in points]
                (line,) = axis.plot(
                    steps,
                    after,
                    color=_COLOURS[way[1]],
                    marker=mark,
                    linestyle=style,
                    markersize=3.5,
                    linewidth=0.7 if way[0] == "random" else 1.3,
                )
                handles.setdefault(_way(*way), line)
                known = [p for p in points if None not in p]
                if way[0] == "iterative" and known:
                    low, high = ([before + p[end] for p in known] for end in (2, 3))
                    axis.fill_between(
                        [p[0] for p in known], low, high, color=line.get_color(), alpha=0.12
                    )
        axis.axhline(mine[0]["chance"], color="#888888", linewidth=0.8, linestyle="--")
        axis.set_title(task, fontsize=10, loc="left")
        axis.set_xlabel("layers removed")
        axis.set_ylabel("score")
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(tasks) :]:
        axis.remove()
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=3, fontsize=8
    )
    figure.suptitle(title, fontsize=11)
    return figure


def _told_apart(row: dict[str, Any]) -> tuple[str, ...]:
    names = ("calibration", "calibration_sha256", "path_seed", "error_rate", "packed")
    return tuple(str(row[name]) for name in names)


def _way(path: str, criterion: str) -> str:
    return "random" if path == "random" else f"{path.replace('_', ' ')}, {criterion}"
