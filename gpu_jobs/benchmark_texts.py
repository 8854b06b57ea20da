"""The texts of a benchmark: each prompt and its right answer, as an evaluation reads them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from gpu_jobs import results
from gpu_jobs.protocols import benchmarks_of
from gpu_jobs.tasks import Task, load_tasks, quiet, reading
from gpu_jobs.texts import TextSet
from modelstrata.settings import Settings

#: The sources that decide what block influences on a benchmark are.
COMPUTING = (*results.COMPUTING, "benchmark_texts.py", "tasks.py")
#: lm-eval's own seed for the examples in prompts.
SEED = 1234


def of(name: str, protocol: str, data: Path | None, limit: int | None, seed: int = SEED) -> TextSet:
    """Return the texts of a benchmark by its name, see `render`.

    Args:
        name: its name in the protocol.
        protocol: the protocol's name.
        data: folder of evaluation data; None is the one of the settings, or else the Hub.
        limit: only the first documents, of each subject if there are several.
        seed: draws the examples in the prompts.

    Raises:
        TaskError: the benchmark is unknown, or its data are missing or damaged.
    """
    found = benchmarks_of(protocol, [name])
    (task,) = load_tasks(found, data or Settings().eval_data, limit)
    return render(task, seed)


def digest(text_set: TextSet) -> str:
    """Return the SHA-256 of the texts."""
    return hashlib.sha256(json.dumps(text_set.texts).encode()).hexdigest()


def render(task: Task, seed: int) -> TextSet:
    """Return a text for each document, its prompt and right answer in one, see `prompts_of`."""
    found = [prompt + answer for prompt, answer in prompts_of(task, seed)]
    # Numbered as the lines of a file would be.
    return TextSet(found, list(range(1, len(found) + 1)))


def prompts_of(task: Task, seed: int) -> list[tuple[str, str]]:
    """Return for each document the protocol's prompt and the right answer to it.

    Right is the choice with the best score, the first one of several; where the answer is
    written, it is the document's own solution.

    Args:
        task: the benchmark.
        seed: draws the examples in the prompts, as in an evaluation.

    Raises:
        TaskError: the documents are damaged.
    """
    found: list[tuple[str, str]] = []
    with quiet(), reading(task.benchmark):
        for name, subject in task.subjects.items():
            subject.set_fewshot_seed(seed)
            subject.build_all_requests(limit=task.limit)
            requests: dict[int, list[Any]] = {}
            for request in subject.instances:
                requests.setdefault(request.doc_id, []).append(request)
            found += [
                _prompt(subject, prompts, task.outcomes[name, position])
                for position, prompts in requests.items()
            ]
    return found


def _prompt(subject: Any, prompts: list[Any], outcomes: list[float] | None) -> tuple[str, str]:
    if outcomes is None:
        prompt, target = prompts[0].args[0], subject.doc_to_target(prompts[0].doc)
        answer = target[0] if isinstance(target, list) else target
        return prompt, f"{subject.config.target_delimiter}{answer}"
    by_choice = sorted(prompts, key=lambda prompt: prompt.idx)
    prompt, answer = by_choice[outcomes.index(max(outcomes))].args[:2]
    return prompt, answer
