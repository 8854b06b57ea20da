"""lm-eval's stock tasks, loaded with data from the Hub or from a folder in the Hub's layout."""

import contextlib
import hashlib
import io
import json
import logging
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from gpu_jobs.errors import TaskError, first_line
from gpu_jobs.protocols import Benchmark
from modelstrata.errors import ModelstrataError
from modelstrata.landing import file_digest

#: Stands for the logarithm of zero: an answer that a guesser does not believe in.
_NEVER = -1e30


@dataclass(frozen=True)
class Task:
    """A benchmark with its documents.

    Attributes:
        benchmark: the benchmark and its protocol.
        loaded: what lm-eval's task manager returned: its tasks by name, and their group.
        limit: only the first documents are evaluated, of each subject if there are several.
    """

    benchmark: Benchmark
    loaded: dict[str, Any]
    limit: int | None

    @property
    def subjects(self) -> dict[str, Any]:
        """lm-eval's tasks by name; one, or as many as the benchmark has subjects."""
        tasks: dict[str, Any] = self.loaded["tasks"]
        return tasks

    @cached_property
    def n_documents(self) -> int:
        """How many documents the data hold, before any limit."""
        with quiet():
            return sum(len(subject.eval_docs) for subject in self.subjects.values())

    def documents(self) -> Iterator[tuple[str, int, Any]]:
        """Yield subject, position and content of each document that is evaluated."""
        for name, subject in self.subjects.items():
            for position, document in subject.doc_iterator(limit=self.limit):
                yield name, position, document

    @cached_property
    def data_sha256(self) -> str:
        """SHA-256 over the documents and, with examples in the prompts, over those to draw from."""
        digest = hashlib.sha256()
        with quiet(), reading(self.benchmark):
            for name, subject in self.subjects.items():
                pools = [subject.eval_docs]
                if self.benchmark.num_fewshot:
                    pools.append(subject.fewshot_docs())
                for pool in pools:
                    digest.update(f"{name} {len(pool)}\n".encode())
                    for document in pool:
                        digest.update(json.dumps(document, sort_keys=True, default=str).encode())
        return digest.hexdigest()

    @cached_property
    def outcomes(self) -> dict[tuple[str, int], list[float] | None]:
        """For each document the scores, 0-100, of putting all belief in one choice, by choice.

        Their mean is the score of guessing. None where the answer is written, not chosen.
        """
        with quiet(), reading(self.benchmark):
            return {
                (name, position): _outcomes(self.subjects[name], document, self.benchmark.scored)
                for name, position, document in self.documents()
            }

    def chance(self, subject: str, position: int) -> float | None:
        """Return the score of guessing at one document, 0-100; None where nothing is chosen."""
        scores = self.outcomes[subject, position]
        return None if scores is None else sum(scores) / len(scores)

    @property
    def n_requests(self) -> int:
        """How many prompts with an answer an evaluation scores."""
        return sum(len(scores or [0.0]) for scores in self.outcomes.values())


def _outcomes(subject: Any, document: Any, metric: str) -> list[float] | None:
    if subject.OUTPUT_TYPE != "multiple_choice":
        return None
    n_choices = len(subject.doc_to_choice(document))
    return [
        100.0
        * float(
            subject.process_results(
                document,
                [(0.0 if c == chosen else _NEVER, c == chosen) for c in range(n_choices)],
            )[metric]
        )
        for chosen in range(n_choices)
    ]


def load_tasks(benchmarks: list[Benchmark], data: Path | None, limit: int | None) -> list[Task]:
    """Load benchmarks with lm-eval's stock prompts, choices and metrics.

    Args:
        benchmarks: what to load.
        data: folder with `<owner>/<name>/` below it as on the Hub; None takes the Hub's data.
        limit: see `Task`.

    Raises:
        TaskError: data are missing, damaged or too few.
    """
    for benchmark in benchmarks:
        _check_folder(benchmark, data)
    with quiet(), tempfile.TemporaryDirectory() as groups:
        # A stock task inherits from a group's entry; from an override in a call it does not.
        for benchmark in benchmarks:
            group = {"group": _group(benchmark), "task": [_entry(benchmark, data)]}
            Path(groups, f"{benchmark.name}.yaml").write_text(yaml.safe_dump(group), "utf-8")
        from lm_eval import tasks

        stock = Path(tasks.__file__).parent
        folders = [*{stock / benchmark.folder for benchmark in benchmarks}, Path(groups)]
        manager = tasks.TaskManager(include_path=folders, include_defaults=False)
        return [_load(manager, benchmark, data, limit) for benchmark in benchmarks]


def _group(benchmark: Benchmark) -> str:
    return f"modelstrata_{benchmark.name}"


def _entry(benchmark: Benchmark, data: Path | None) -> dict[str, Any]:
    kind = "task" if benchmark.subjects == 1 else "group"
    entry = {kind: benchmark.task, "num_fewshot": benchmark.num_fewshot, **benchmark.settings}
    if data is not None:
        folder = (data / benchmark.dataset).resolve()
        entry["dataset_path"] = str(folder)
        entry["dataset_kwargs"] = {"cache_dir": str(_cache(folder))}
    return entry


def _cache(folder: Path) -> Path:
    """Return where datasets keeps its copy of a local data set, apart for each content.

    By itself it files the copy under the folder's name and its card: it would give the rows of
    another folder of that name, or of this one before its files were changed.
    """
    import datasets

    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder)} {file_digest(path)}\n".encode())
    return Path(datasets.config.HF_DATASETS_CACHE) / "modelstrata" / digest.hexdigest()[:32]


def _check_folder(benchmark: Benchmark, data: Path | None) -> None:
    if data is None:
        return
    folder = data / benchmark.dataset
    wanted = folder / benchmark.config if benchmark.config else folder
    if not folder.is_dir() or not any(wanted.rglob("*.*")):
        raise TaskError(
            f"{data} holds no data of {benchmark.name}: there is no {wanted}. Name a folder in the "
            "Hub's layout with --eval-data or MODELSTRATA_EVAL_DATA, or leave the benchmark out."
        )


def _load(manager: Any, benchmark: Benchmark, data: Path | None, limit: int | None) -> Task:
    place = data / benchmark.dataset if data else f"{benchmark.dataset} on the Hub"
    with reading(benchmark):
        task = Task(benchmark, manager.load([_group(benchmark)]), limit)
        examples = min(len(list(s.fewshot_docs() or ())) for s in task.subjects.values())
    if len(task.subjects) != benchmark.subjects:
        raise TaskError(
            f"{benchmark.name} has {len(task.subjects)} subjects in this version of lm-eval, but "
            f"the protocol is over {benchmark.subjects}: install lm-eval 0.4.13."
        )
    if examples < benchmark.num_fewshot:
        raise TaskError(
            f"{benchmark.name} asks for {benchmark.num_fewshot} examples in each prompt, but "
            f"{place} holds only {examples}: fetch its data again, or choose --protocol zero_shot."
        )
    return task


@contextlib.contextmanager
def reading(benchmark: Benchmark) -> Iterator[None]:
    """Name the benchmark in errors of its data; let this package's own errors through.

    Raises:
        TaskError: something failed in the block.
    """
    try:
        yield
    except ModelstrataError:
        raise
    except Exception as error:  # datasets and templates fail in any way on damaged data
        raise TaskError(
            f"The data of {benchmark.name} ({benchmark.dataset}) cannot be read "
            f"({first_line(error)}): fetch them again, or name another folder in the Hub's layout "
            "with --eval-data or MODELSTRATA_EVAL_DATA."
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep lm-eval's and datasets' own bars and log lines off the terminal in the block."""
    import datasets

    logger = logging.getLogger("lm_eval")
    level, bars = logger.level, datasets.is_progress_bar_enabled()
    logger.setLevel(logging.ERROR)
    datasets.disable_progress_bars()
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
        if bars:
            datasets.enable_progress_bars()
