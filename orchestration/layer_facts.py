"""What Dagster shows of a layer job's results: numbers, and a plot of the layers."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

import dagster as dg

from modelstrata.settings import Settings
from orchestration import layer_plots
from orchestration.layer_jobs import Analysis, measured_influence
from orchestration.layer_models import Model

Rows = Sequence[dict[str, Any]]
#: Columns that are the same in all rows of a run.
_SHARED = ("model_id", "revision", "weights_format", "dtype", "device")


def numbers(rows: Rows, analysis: Analysis) -> dict[str, Any]:
    """Return what was measured of which model, on what and with how much memory."""
    values = [row[analysis.value] for row in rows if row[analysis.value] is not None]
    peaks = [row["peak_memory_bytes"] for row in rows if "peak_memory_bytes" in row]
    found = {"rows": len(rows), **{name: rows[0][name] for name in _SHARED if rows[0][name]}}
    if peaks:
        found["peak_memory_bytes"] = max(peaks)
    spread = {"mean": fmean(values), "min": min(values), "max": max(values)}
    return {**found, **{f"{how}/{analysis.value}": value for how, value in spread.items()}}


def plot(settings: Settings, model: Model, analysis: Analysis, rows: Rows) -> dg.MetadataValue:
    """Return a plot of the rows; of block influence, beside what was measured on other texts."""
    if analysis.table == "block_influence":
        rows = measured_influence(settings, model, rows[0])
        return layer_plots.influence_bars(model.name, rows)
    if analysis.table == "pruning_effects":
        return layer_plots.effect_intervals(model.name, rows)
    if analysis.table == "layer_relevance":
        return layer_plots.relevance_by_task(model.name, rows)
    if analysis.table == "pruning_paths":
        return layer_plots.scores_along_paths(model.name, rows)
    return layer_plots.nuclear_norms(model.name, rows)
