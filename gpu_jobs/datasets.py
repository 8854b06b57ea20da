"""Data sets for layer gradients: benchmarks, text styles and files of one's own.

A benchmark is read by lm-eval from a folder in the Hub's layout, with its own zero-shot prompts, so
that gradients and scores are of the same text; a style from plain text files in its `corpora`.
"""

import re
from pathlib import Path

from gpu_jobs import benchmark_texts
from gpu_jobs.errors import TextError, first_line
from gpu_jobs.json_lines import read_records
from gpu_jobs.pairs import PairSet
from gpu_jobs.protocols import benchmarks_of
from gpu_jobs.tasks import load_tasks

#: Styles of writing: the file in the folder's `corpora`, and what in it is no writing, as a
#: pattern that matches it.
STYLES: dict[str, tuple[str, str | None]] = {
    "style_modern_prose": ("wikitext2_test.txt", None),
    "style_archaic": ("kjv.txt", r"^[1-3]?[A-Za-z]+\d+:\d+ "),
    "style_drama": ("shakespeare.txt", None),
    "style_mathematics": ("math_gsm8k_solutions.txt", None),
    "style_code": ("code_python_stdlib.txt", None),
}

#: Characters of a piece of running text, about 250 tokens.
_PIECE = 1000
_PROTOCOL = "zero_shot"
_REMEDY = "check --dataset and the folder of evaluation data"


def read_dataset(asked: str, folder: Path | None, limit: int | None = None) -> PairSet:
    """Read a data set.

    Args:
        asked: name of a benchmark or style; or the path of a JSONL file whose lines have `prompt`
            and `response`, or `text`; or of a `.txt` file; the last two also as NAME=PATH. The
            file's stem is the default name.
        folder: the folder with benchmarks and styles.
        limit: only the first documents of a benchmark, of each subject if there are several.

    Raises:
        TextError: there is no such data set, or it cannot be read.
        TaskError: the data of a benchmark are missing or damaged.
    """
    name, equals, path = asked.rpartition("=")
    benchmarks = [benchmark.name for benchmark in benchmarks_of(_PROTOCOL)]
    if equals or path.endswith((".jsonl", ".txt")):
        found = _file(Path(path).expanduser(), name or Path(path).stem)
    elif asked in benchmarks:
        found = _benchmark(asked, _folder(folder, asked), limit)
    elif asked in STYLES:
        file, noise = STYLES[asked]
        found = PairSet(asked)
        _add_pieces(found, _read(_folder(folder, asked) / "corpora" / file), noise)
    else:
        raise TextError(
            f"There is no data set {asked!r}: give a .jsonl or .txt file, or one of "
            f"{', '.join([*benchmarks, *STYLES])}."
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
            f"{path} cannot be read ({error.strerror or first_line(error)}): {_REMEDY}."
        ) from error


def _file(path: Path, name: str) -> PairSet:
    found = PairSet(name)
    if path.suffix == ".txt":
        _add_pieces(found, _read(path), None)
        return found
    for number, record in read_records(path, found.set_aside, _REMEDY):
        keys = ("prompt", "response") if "response" in record else ("text",)
        values = [record.get(key) for key in keys]
        if all(isinstance(value, str) for value in values):
            found.add(f"line {number}", "".join(map(str, values[:-1])), str(values[-1]))
        else:
            found.set_aside.append(f'line {number} has no "prompt" and "response", nor a "text"')
    return found


def _benchmark(name: str, folder: Path, limit: int | None) -> PairSet:
    found = PairSet(name)
    (task,) = load_tasks(benchmarks_of(_PROTOCOL, [name]), folder, limit)
    pairs = benchmark_texts.prompts_of(task, benchmark_texts.SEED)
    for number, (prompt, response) in enumerate(pairs, start=1):
        found.add(f"document {number}", prompt, response)
    return found


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
