"""The second Open LLM Leaderboard's contents: one Parquet table."""

import tempfile
from pathlib import Path

import duckdb

from extract.hub.batches import Batches
from extract.hub.errors import HubError
from extract.hub.hub import Hub
from extract.hub.leaderboards.datasets import files, head, read
from extract.hub.state import State
from modelstrata.landing import land_frame
from modelstrata.landing_schema import LANDING_TABLES

DATASET = "open-llm-leaderboard/contents"
TABLE = "open_llm_leaderboard_v2"
_MAX_BYTES = 200_000_000


def land(hub: Hub, state: State, batches: Batches) -> str:
    """Land the table in `open_llm_leaderboard_v2`'s columns, if it has changed.

    Raises:
        HubError: the Hub does not answer, or the table has lost a column.
        StorageError: the data folder cannot be written.
    """
    sha = head(hub, DATASET)
    if state.etag(DATASET) == sha:
        return f"unchanged at commit {sha[:12]}"
    found = [file for file in files(hub, DATASET, sha) if file.path.endswith(".parquet")]
    if not found:
        raise HubError(f"Dataset {DATASET} holds no Parquet file at commit {sha}.")
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for number, file in enumerate(found):
            paths.append(Path(folder) / f"{number}.parquet")
            paths[-1].write_bytes(read(hub, DATASET, sha, file.path, _MAX_BYTES))
        try:
            with duckdb.connect() as connection:
                table = connection.read_parquet([str(path) for path in paths], union_by_name=True)
                missing = [name for name in LANDING_TABLES[TABLE] if name not in table.columns]
                if missing:
                    raise HubError(f"Dataset {DATASET} lacks the columns {', '.join(missing)}.")
                frame = table.project(", ".join(f'"{name}"' for name in LANDING_TABLES[TABLE])).df()
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise HubError(f"Dataset {DATASET} cannot be read as Parquet ({reason}).") from error
    is_new = land_frame(batches.landing, TABLE, f"hub-contents-{sha[:12]}", frame)
    state.set_etag(DATASET, sha)
    return f"{len(frame):,} evaluations " + ("landed" if is_new else "there already")
