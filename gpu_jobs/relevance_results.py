"""Results of relevance jobs, read from their folders: the newest map of each model and task."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa

from gpu_jobs.cells import read_table
from gpu_jobs.errors import OutputError, first_line

#: What maps that are compared have in common.
_MAP = ["model", "task", "split", "criterion", "removed_layers"]


def read(folders: Sequence[Path], table: str) -> pd.DataFrame:
    """Return all rows of a table below some folders, with the name `model`; none if there are none.

    A model is named by its id, where there are several revisions of it by `id@revision`.

    Raises:
        OutputError: a file is damaged.
    """
    found = []
    for path in sorted(path for folder in folders for path in (folder / table).glob("*.parquet")):
        try:
            found.append(read_table(path).to_pandas())
        except (OSError, pa.ArrowException) as error:
            raise OutputError(
                f"{path} cannot be read ({first_line(error)}): remove it, and measure it again."
            ) from error
    if not found:
        return pd.DataFrame()
    rows = pd.concat(found, ignore_index=True)
    if "model_id" in rows:
        named = rows["model_id"] + "@" + rows["revision"].fillna("").str[:12]
        several = rows.groupby("model_id")["weights_sha256"].transform("nunique") > 1
        rows["model"] = rows["model_id"].where(~several, named)
    return rows


def newest_maps(rows: pd.DataFrame) -> pd.DataFrame:
    """Return of each model, task, split, criterion and set of removed layers the newest exact map.

    Maps that are undefined, since the model is at chance, are left out.
    """
    exact = rows[(rows["method"] == "exact") & rows["relevance"].notna()]
    # Of equal times the key decides.
    latest = exact.sort_values(["computed_at", "result_key"]).groupby(_MAP)["result_key"].last()
    kept = exact.merge(latest.reset_index(), on=[*_MAP, "result_key"])
    return kept.sort_values([*_MAP, "layer"]).drop_duplicates([*_MAP, "layer"])


def in_order(rows: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    """Return the rows of some models, with their place in `checkpoint`, from 0.

    Raises:
        OutputError: nothing was measured of one of them.
    """
    for model in models:
        if model not in set(rows["model"]):
            known = ", ".join(sorted(set(rows["model"])))
            raise OutputError(f"No relevance of {model} lies there: --models takes {known}.")
    kept = rows[rows["model"].isin(models)]
    places = {model: place for place, model in enumerate(models)}
    return kept.assign(checkpoint=kept["model"].map(places)).sort_values(
        ["checkpoint", "task", "criterion", "layer"]
    )
