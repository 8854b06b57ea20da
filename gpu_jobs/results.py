"""Results: what they are keyed by, and the one file of block influences."""

import hashlib
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from gpu_jobs.cells import read_table, to_arrow
from gpu_jobs.errors import OutputError
from gpu_jobs.sources import Source
from modelstrata.errors import storage_errors
from modelstrata.landing import write_atomically
from modelstrata.landing_schema import LANDING_TABLES

TABLE = "block_influence"
#: The sources that decide what block influences are.
COMPUTING = ("devices.py", "influence.py", "layers.py", "models.py", "sources.py", "texts.py")


def provenance(
    source: Source, chosen: Mapping[str, Any], data_sha256: str, modules: Sequence[str]
) -> dict[str, Any]:
    """Return the columns that say what a result was made from and how.

    `result_key`, 32 hexadecimal digits, covers all of them but the libraries' versions; the time
    of computation, seeds that change nothing and measured times are not given here.

    Args:
        source: the model.
        chosen: what else decides the result, name to plain value: data set, protocol, seeds,
            number type, kind of device. They are part of what is returned.
        data_sha256: digest of the data measured on.
        modules: names of the files in this folder whose code decides the numbers.
    """
    import torch
    import transformers

    weights_sha256 = source.weights_sha256()
    known = {
        **chosen,
        "model_id": source.model_id,
        "revision": source.revision,
        "weights_format": source.weights_format,
        "weights_sha256": weights_sha256,
        "data_sha256": data_sha256,
        "code_version": code_version(modules),
    }
    canonical = json.dumps(known, sort_keys=True, separators=(",", ":"))
    return {
        **known,
        "input_hash": hashlib.sha256((weights_sha256 + data_sha256).encode()).hexdigest(),
        "torch_version": str(torch.__version__),
        "transformers_version": transformers.__version__,
        "result_key": hashlib.sha256(canonical.encode()).hexdigest()[:32],
    }


def code_version(modules: Sequence[str]) -> str:
    """Return 16 hexadecimal digits that change with the sources of a computation."""
    digest = hashlib.sha256()
    for name in sorted(modules):
        digest.update(f"{name}\n".encode())
        digest.update(Path(__file__).with_name(name).read_bytes())
    return digest.hexdigest()[:16]


def read_result(path: Path) -> list[dict[str, Any]]:
    """Return the rows of an earlier result, one a layer; none if there is no such file.

    Raises:
        OutputError: something else lies there, which is not overwritten.
    """
    if not path.exists():
        return []
    try:
        rows: list[dict[str, Any]] = read_table(path).to_pylist()
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
    table = to_arrow(rows, LANDING_TABLES[TABLE])
    write_atomically(path, lambda temporary: pq.write_table(table, temporary))
