"""The result file: how it is keyed, written and found again."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gpu_jobs.errors import OutputError
from gpu_jobs.sources import Source
from modelstrata.errors import storage_errors
from modelstrata.landing import file_digest, write_atomically
from modelstrata.landing_schema import LANDING_TABLES

TABLE = "block_influence"
#: The sources that decide what the numbers are.
_COMPUTING = ("devices.py", "influence.py", "layers.py", "models.py", "sources.py", "texts.py")
#: What tells one result from another.
_KEYED = (
    "model_id",
    "revision",
    "weights_format",
    "weights_sha256",
    "benchmark",
    "texts_sha256",
    "n_texts",
    "max_length",
    "dtype",
    "device",
    "code_version",
)
_ARROW = {
    "VARCHAR": pa.string(),
    "INTEGER": pa.int32(),
    "BIGINT": pa.int64(),
    "DOUBLE": pa.float64(),
    "TIMESTAMP WITH TIME ZONE": pa.timestamp("us", tz="UTC"),
}


def provenance(source: Source, texts: Path, chosen: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that say what a result was made from and how.

    Args:
        source: the model.
        texts: the text set's file.
        chosen: benchmark, n_texts, max_length, dtype and device.
    """
    import torch
    import transformers

    weights_sha256, texts_sha256 = source.weights_sha256(), file_digest(texts)
    known = {
        **chosen,
        "model_id": source.model_id,
        "revision": source.revision,
        "weights_format": source.weights_format,
        "weights_sha256": weights_sha256,
        "texts_sha256": texts_sha256,
        "input_hash": hashlib.sha256((weights_sha256 + texts_sha256).encode()).hexdigest(),
        "code_version": code_version(),
        "torch_version": str(torch.__version__),
        "transformers_version": transformers.__version__,
    }
    return {**known, "result_key": result_key(known)}


def code_version() -> str:
    """Return 16 hexadecimal digits that change with the sources of the computation."""
    digest = hashlib.sha256()
    for name in _COMPUTING:
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]


def result_key(known: Mapping[str, Any]) -> str:
    """Return 32 hexadecimal digits over everything that decides the result."""
    parts = {"table": TABLE, **{name: known[name] for name in _KEYED}}
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()[:32]


def read_result(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an earlier result, one a layer; none if there is no such file.

    Raises:
        OutputError: something else lies there, which is not overwritten.
    """
    if not path.exists():
        return []
    try:
        # A folder would be read as a data set of many files.
        if path.is_dir():
            raise IsADirectoryError(path)
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (pa.ArrowException, OSError) as error:
        raise OutputError(
            f"{path} is there but is no result of this job: name another file with --output."
        ) from error
    if not rows or set(rows[0]) != set(LANDING_TABLES[TABLE]):
        raise OutputError(
            f"{path} is a Parquet file of another table: name another file with --output."
        )
    return rows


def check_writable(path: Path) -> None:
    """Check before the long work that a file can be written at `path`; make its folder.

    Raises:
        StorageError: the disk is full, read-only or not writable.
        OutputError: the folder cannot be made for another reason.
    """
    try:
        with storage_errors(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=path.parent):
                pass
    except OSError as error:
        raise OutputError(
            f"No file can be written at {path} ({error.strerror}): name another with --output."
        ) from error


def write_result(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows as one Parquet file with the landing table's columns, all or nothing.

    Raises:
        StorageError: the disk is full, read-only or not writable.
    """
    schema = pa.schema([(name, _ARROW[kind]) for name, kind in LANDING_TABLES[TABLE].items()])
    table = pa.Table.from_pylist(rows, schema=schema)
    write_atomically(path, lambda temporary: pq.write_table(table, temporary))
