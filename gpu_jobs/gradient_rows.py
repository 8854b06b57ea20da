"""The rows of the table `layer_gradients`."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t as student

from gpu_jobs.layer_gradients import MatrixGradient
from gpu_jobs.pairs import Sample
from modelstrata.landing_schema import LANDING_TABLES

TABLE = "layer_gradients"
#: Name of each column to its DuckDB type.
COLUMNS = LANDING_TABLES[TABLE]
_LEVEL = 0.95


def rows_of(
    found: Sequence[MatrixGradient], samples: Sequence[Sample], made: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return a row for each matrix; `made` are the columns that all rows share."""
    n_response = sum(sample.n_response for sample in samples)
    shared = {
        **made,
        "n_layers": 1 + max(one.matrix.layer for one in found),
        "n_response_tokens": n_response,
        "mean_response_tokens": n_response / len(samples),
    }
    rows = []
    for one in found:
        low, high = mean_interval(one.sample_norms)
        rows.append(
            {
                **shared,
                "layer": one.matrix.layer,
                "matrix": one.matrix.kind,
                "nuclear_norm": one.norms.nuclear,
                "frobenius_norm": one.norms.frobenius,
                "spectral_norm": one.norms.spectral,
                "effective_rank": one.norms.effective_rank,
                "mean_sample_nuclear_norm": fmean(one.sample_norms) if one.sample_norms else None,
                "mean_sample_nuclear_norm_low": low,
                "mean_sample_nuclear_norm_high": high,
            }
        )
    return rows


def mean_interval(values: Sequence[float]) -> tuple[float | None, float | None]:
    """Return the ends of the 95 % t interval of a mean; None of fewer than two values."""
    if len(values) < 2:
        return None, None
    margin = float(student.ppf((1 + _LEVEL) / 2, len(values) - 1))
    margin *= stdev(values) / math.sqrt(len(values))
    return fmean(values) - margin, fmean(values) + margin


def sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Say in one line what the rows of a cell hold."""
    first = rows[0]
    n_layers = 1 + max(row["layer"] for row in rows)
    thirds = [
        fmean(r["nuclear_norm"] for r in rows if r["layer"] * 3 // n_layers == third)
        for third in range(min(3, n_layers))
        if any(r["layer"] * 3 // n_layers == third for r in rows)
    ]
    most = max(rows, key=lambda row: row["nuclear_norm"])
    return (
        f"{first['dataset']}, step {first['step']}, {first['sampling'].replace('_', '-')}: "
        f"{first['n_samples']} samples of {first['mean_response_tokens']:.1f} response tokens; "
        f"nuclear norm by third of the layers {' '.join(f'{value:.4g}' for value in thirds)}, "
        f"largest {most['nuclear_norm']:.4g} at {most['matrix']} of layer {most['layer']} "
        f"({first['seconds']:.1f} s)"
    )
