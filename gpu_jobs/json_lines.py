"""Reading JSON lines: each record with its line, and why others were set aside."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gpu_jobs.errors import TextError, first_line


def read_records(
    path: Path, set_aside: list[str], remedy: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each line that is a JSON object, and the object.

    A blank line is no record. Of any other line that is no object, `set_aside` gets a sentence.

    Args:
        path: the file.
        set_aside: takes the sentences.
        remedy: what to do if the file cannot be read.

    Raises:
        TextError: the file is missing or unreadable.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    record = json.loads(line.decode("utf-8"))
                except UnicodeDecodeError:
                    set_aside.append(f"line {number} is not UTF-8")
                    continue
                except (ValueError, RecursionError):
                    set_aside.append(f"line {number} is not JSON")
                    continue
                if isinstance(record, dict):
                    yield number, record
                else:
                    set_aside.append(f"line {number} is no JSON object")
    except OSError as error:
        reason = error.strerror or first_line(error)
        raise TextError(f"{path} cannot be read ({reason}): {remedy}.") from error
