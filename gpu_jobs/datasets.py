"""Data sets for layer gradients: benchmarks, text styles and files of one's own.

A benchmark is read from a folder in the Hub's layout, `<org>/<name>/<config>/<split>.jsonl`; a
style from plain text files in its folder `corpora`.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from gpu_jobs.benchmarks import BENCHMARKS, STYLES, Benchmark
from gpu_jobs.errors import TextError, first_line
from gpu_jobs.pairs import PairSet

#: Characters of a piece of running text, about 250 tokens.
_PIECE = 1000


def read_dataset(asked: str, folder: Path | None) -> PairSet:
    """Read a data set.

    Args:
        asked: name of a benchmark or style; or the path of a JSONL file whose lines have `prompt`
            and `response`, or `text`; or of a `.txt` file; the last two also as NAME=PATH. The
            file's stem is the default name.
        folder: the folder with benchmarks and styles.

    Raises:
        TextError: there is no such data set, it cannot be read, or nothing in it can be used.
    """
    name, equals, path = asked.rpartition("=")
    if equals or path.endswith((".jsonl", ".txt")):
        found = _file(Path(path).expanduser(), name or Path(path).stem)
    elif asked in BENCHMARKS:
        found = _benchmark(asked, BENCHMARKS[asked], _folder(folder, asked))
    elif asked in STYLES:
        file, noise = STYLES[asked]
        found = PairSet(asked)
        _add_pieces(found, _read(_folder(folder, asked) / "corpora" / file), noise)
    else:
        raise TextError(
            f"There is no data set {asked!r}: give a .jsonl or .txt file, or one of "
            f"{', '.join([*BENCHMARKS, *STYLES])}."
        )
    if not re.fullmatch(r"[a-z0-9_.-]+", found.name):
        raise TextError(
            f"{found.name!r} is no name of a data set: give NAME=PATH with a NAME of "
            "a-z, 0-9, '_', '.' and '-'."
        )
    return found


def _folder(folder: Path | None, asked: str) -> Path:
    if folder is None:
        raise TextError(
            f"{asked} is read from a folder of evaluation data: name one with --eval-data or "
            "MODELSTRATA_EVAL_DATA."
        )
    return folder


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise TextError(f"{path} is not UTF-8: convert it first.") from error
    except OSError as error:
        raise TextError(
            f"{path} cannot be read ({error.strerror or first_line(error)}): check --dataset and "
            "the folder of evaluation data."
        ) from error


def _file(path: Path, name: str) -> PairSet:
    found = PairSet(name)
    if path.suffix == ".txt":
        _add_pieces(found, _read(path), None)
        return found
    for place, record in _records(path, found):
        keys = ("prompt", "response") if "response" in record else ("text",)
        values = [record.get(key) for key in keys]
        if all(isinstance(value, str) for value in values):
            found.add(place, "".join(map(str, values[:-1])), str(values[-1]))
        else:
            found.set_aside.append(f'{place} has no "prompt" and "response", nor a "text"')
    return found


def _benchmark(name: str, benchmark: Benchmark, folder: Path) -> PairSet:
    found = PairSet(name)
    paths = sorted(folder.glob(benchmark.files))
    if not paths:
        raise TextError(
            f"{folder} holds no {benchmark.files}, which {name} is made of: fetch it, or name "
            "another folder with --eval-data."
        )
    for path in paths:
        for place, record in _records(path, found):
            if len(paths) > 1:
                place = f"{path.parent.name} {place}"
            try:
                prompt, response = benchmark.pair(record)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError):
                found.set_aside.append(f"{place} is no record of {name}")
                continue
            found.add(place, prompt, response)
    return found


def _records(path: Path, found: PairSet) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield each record with its place; set aside what is none."""
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        place = f"line {number}"
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError
        except (ValueError, RecursionError):
            found.set_aside.append(f"{place} is no JSON object")
            continue
        yield place, record


def _add_pieces(found: PairSet, text: str, noise: str | None) -> None:
    """Cut running text at line ends into pieces of at least _PIECE characters."""
    if noise:
        text = re.sub(noise, "", text, flags=re.MULTILINE)
    piece, start = "", 1
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        piece += line
        if len(piece) >= _PIECE:
            found.add(f"lines {start}-{number}", "", piece.strip())
            piece, start = "", number + 1
