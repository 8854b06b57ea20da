"""Which plots an analysis of relevance makes, by the name of their files."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gpu_jobs import path_plots, relevance_plots, relevance_statistics
from gpu_jobs.relevance_convergence import Outcomes
from gpu_jobs.relevance_plots import Line, values_of

Named = tuple[str, Figure]


def all_of(maps: pd.DataFrame, paths: pd.DataFrame, models: Sequence[str]) -> Iterator[Named]:
    """Yield each plot with the stem of its file.

    Args:
        maps: the newest maps.
        paths: rows of `pruning_paths`, maybe none.
        models: checkpoints in their order; none if they are not asked for.
    """
    whole = maps[maps["removed_layers"] == ""]
    for model, mine in whole.groupby("model"):
        title = f"Relevance of the layers of {model}"
        yield f"relevance-{_safe(model)}", relevance_plots.by_task(title, _records(mine))
    for model, criterion, found in relevance_statistics.rankings(whole):
        counts = relevance_statistics.confusion_counts(found)
        title = f"{model}: ranks by {criterion} and by {relevance_statistics.REFERENCE}"
        figure = relevance_plots.confusion(title, counts, relevance_statistics.NEAR)
        yield f"ranks-{criterion}-{_safe(model)}", figure
    if models:
        yield from _checkpoints(whole, models)
    if not paths.empty:
        yield from _paths(maps, paths)


def by_size(
    name: str, outcomes: Outcomes, criterion: str, sizes: Sequence[int], seed: int
) -> Named:
    """Return a plot of one map, a row a number of items of a random order (Figure 17)."""
    order = np.random.default_rng(seed).permutation(outcomes.n_items)
    lines: list[Line] = []
    for size in sizes:
        found = outcomes.relevance(criterion, order[:size])
        if found is not None:
            values = zip(outcomes.layers.tolist(), found[0].tolist(), strict=True)
            lines.append((f"{size} items", dict(values)))
    n_layers = int(outcomes.layers.max()) + 1
    figure = relevance_plots.heatmaps(name, [(criterion, criterion, lines)], n_layers)
    return f"sizes-{_safe(name)}", figure


def _checkpoints(whole: pd.DataFrame, models: Sequence[str]) -> Iterator[Named]:
    """Yield a plot a task: a panel a criterion, a row a checkpoint (the relevance paper, C.4)."""
    for task, mine in whole.groupby("task"):
        rows = _records(mine)
        panels = []
        for criterion in sorted(set(mine["criterion"])):
            lines = [(model, values_of(rows, model=model, criterion=criterion)) for model in models]
            panels.append((criterion, criterion, [line for line in lines if line[1]]))
        title = f"Relevance by checkpoint on {task}"
        figure = relevance_plots.heatmaps(title, panels, int(mine["n_layers"].max()))
        yield f"checkpoints-{_safe(task)}", figure


def _paths(maps: pd.DataFrame, paths: pd.DataFrame) -> Iterator[Named]:
    newest = paths.sort_values("computed_at").drop_duplicates(
        ["model", *_SEARCH, "task", "step", "healed"], keep="last"
    )
    for model, mine in newest.groupby("model"):
        title = f"Scores of {model} as layers are removed"
        yield f"paths-{_safe(model)}", path_plots.path_lines(title, _records(mine))
        iterative = mine[(mine["path"] == "iterative") & ~mine["healed"]]
        for task, found in iterative.groupby("task"):
            panels = [
                panel
                for _, one in found.groupby(["criterion", "calibration"])
                if (panel := _steps(maps[maps["model"] == model], one))
            ]
            if panels:
                title = f"Relevance in {model} as layers are removed, {task}"
                figure = relevance_plots.heatmaps(title, panels, int(found["n_layers"].iloc[0]))
                yield f"steps-{_safe(task)}-{_safe(model)}", figure


_SEARCH = ["path", "criterion", "calibration", "calibration_items", "path_seed", "method"]


def _steps(maps: pd.DataFrame, path: pd.DataFrame) -> tuple[str, str, list[Line]] | None:
    """Return the maps along a path, a row a step (Figures 14 to 16), or None without any."""
    steps = path.sort_values("step")
    criterion, calibration = steps["criterion"].iloc[0], steps["calibration"].iloc[0]
    own = maps[(maps["criterion"] == criterion) & (maps["task"] == calibration)]
    lines: list[Line] = []
    scores = [steps["before"].iloc[0], *steps["after"]]
    for gone, score in zip(["", *steps["removed_layers"]], scores, strict=True):
        found = values_of(_records(own[own["removed_layers"] == gone]))
        if found:
            lines.append((f"{len(gone.split())} gone: {score:.1f}", found))
    return (f"{criterion}, measured on {calibration}", criterion, lines) if lines else None


def _records(rows: pd.DataFrame) -> list[dict[str, Any]]:
    records = rows.astype(object).where(rows.notna(), None).to_dict("records")
    return [{str(name): value for name, value in record.items()} for record in records]


def _safe(name: object) -> str:
    """Return a name that can be part of a file's."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", str(name))
