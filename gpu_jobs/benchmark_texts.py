"""The texts of a benchmark: each prompt with its right answer, as an evaluation reads it."""

from typing import Any

from gpu_jobs.tasks import Task, quiet, reading


def render(task: Task, seed: int) -> list[str]:
    """Return a text for each document: the protocol's prompt and the right answer to it.

    Right is the choice with the best score, the first one of several; where the answer is
    written, it is the document's own solution.

    Args:
        task: the benchmark.
        seed: draws the examples in the prompts, as in an evaluation.

    Raises:
        TaskError: the documents are damaged.
    """
    found: list[str] = []
    with quiet(), reading(task.benchmark):
        for name, subject in task.subjects.items():
            subject.set_fewshot_seed(seed)
            subject.build_all_requests(limit=task.limit)
            requests: dict[int, list[Any]] = {}
            for request in subject.instances:
                requests.setdefault(request.doc_id, []).append(request)
            found += [
                _text(subject, prompts, task.outcomes[name, position])
                for position, prompts in requests.items()
            ]
    return found


def _text(subject: Any, prompts: list[Any], outcomes: list[float] | None) -> str:
    if outcomes is None:
        prompt, target = prompts[0].args[0], subject.doc_to_target(prompts[0].doc)
        answer = target[0] if isinstance(target, list) else target
        return f"{prompt}{subject.config.target_delimiter}{answer}"
    by_choice = sorted(prompts, key=lambda prompt: prompt.idx)
    return "".join(by_choice[outcomes.index(max(outcomes))].args[:2])
