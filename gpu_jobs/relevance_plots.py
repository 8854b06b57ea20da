"""Plots of relevance in the relevance paper's colours.

Relevance by accuracy is green where the model is better without a layer, white where nothing
changes, and red to purple where it is worse, on one fixed scale. Other criteria go from yellow
(low) to purple (high). A layer that is gone has a grey cross.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

Rows = Sequence[dict[str, Any]]
#: A row of a heatmap: its label, and the relevance of layers, by number, that it knows.
Line = tuple[str, dict[int, float]]

_WIDTH = 7.5
_ACCURACY = LinearSegmentedColormap.from_list(
    "accuracy", [(0.0, "#1a7a2e"), (0.5, "#ffffff"), (0.75, "#d7301f"), (1.0, "#4a0a5e")]
)


def heatmaps(
    title: str, panels: Sequence[tuple[str, str, Sequence[Line]]], n_layers: int
) -> Figure:
    """Return a heatmap a panel; a panel is its name, its criterion and its rows from the top."""
    heights = [0.8 + 0.24 * len(lines) for _, _, lines in panels]
    figure = Figure(figsize=(_WIDTH, 0.4 + sum(heights)), dpi=100, layout="constrained")
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (name, criterion, lines) in zip(axes, panels, strict=True):
        values = np.full((len(lines), n_layers), np.nan)
        for number, (_, found) in enumerate(lines):
            values[number, list(found)] = list(found.values())
        by_accuracy = criterion == "accuracy"
        image = axis.imshow(
            values,
            aspect="auto",
            interpolation="none",
            cmap=_ACCURACY if by_accuracy else "viridis_r",
            norm=Normalize(-1, 1) if by_accuracy else None,
        )
        gone = np.argwhere(np.isnan(values))
        axis.plot(gone[:, 1], gone[:, 0], "x", color="#888888", markersize=5)
        axis.set_title(name, fontsize=10, loc="left")
        axis.set_yticks(range(len(lines)), [label for label, _ in lines], fontsize=8)
        axis.xaxis.get_major_locator().set_params(integer=True)
        figure.colorbar(image, ax=axis, extend="min" if by_accuracy else "neither", pad=0.01)
    axes[-1].set_xlabel("layer")
    figure.suptitle(title, fontsize=11)
    return figure


def by_task(title: str, rows: Rows) -> Figure:
    """Plot the relevance of the full model's layers: a panel a criterion, a row a task.

    Args:
        title: of the figure.
        rows: rows of `layer_relevance`; of each task and criterion one map of step 0.
    """
    whole = [row for row in rows if row["step"] == 0 and row["relevance"] is not None]
    panels = []
    for criterion in dict.fromkeys(row["criterion"] for row in whole):
        mine = [row for row in whole if row["criterion"] == criterion]
        lines = [
            (task, values_of(mine, task=task)) for task in dict.fromkeys(r["task"] for r in mine)
        ]
        panels.append((criterion, criterion, lines))
    return heatmaps(title, panels, whole[0]["n_layers"])


def values_of(rows: Rows, **chosen: Any) -> dict[int, float]:
    """Return the relevance by layer of those rows that have the chosen values."""
    return {
        row["layer"]: row["relevance"]
        for row in rows
        if all(row[name] == value for name, value in chosen.items())
    }


def confusion(title: str, counts: np.ndarray, near: int) -> Figure:
    """Plot how often layers have each pair of ranks (the paper, Figure 3B).

    Equal ranks are green, those that differ by at most `near` blue, the others red.

    Args:
        title: of the figure.
        counts: entry (i, j) is how often rank i + 1 by the reference is j + 1 by the criterion.
        near: of ranks.
    """
    size = 0.9 + 0.2 * len(counts)
    figure = Figure(figsize=(max(size, 4.0), max(size, 4.0)), dpi=100, layout="constrained")
    axis = figure.subplots()
    away = np.abs(np.subtract.outer(np.arange(len(counts)), np.arange(len(counts))))
    for colours, mask in (
        ("Greens", away == 0),
        ("Blues", (away > 0) & (away <= near)),
        ("Reds", away > near),
    ):
        part = np.ma.masked_where(~mask, counts)
        axis.imshow(part, cmap=colours, vmin=0, vmax=max(counts.max(), 1), origin="upper")
    axis.set_xlabel("rank by the criterion (1 least relevant)")
    axis.set_ylabel("rank by the reference")
    shown = range(0, len(counts), max(1, len(counts) // 10))
    axis.set_xticks(shown, [str(place + 1) for place in shown])
    axis.set_yticks(shown, [str(place + 1) for place in shown])
    figure.suptitle(title, fontsize=10)
    return figure
