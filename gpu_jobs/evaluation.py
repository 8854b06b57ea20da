"""Evaluation of a model in memory: the score of every document of a benchmark."""

import random
import time
from dataclasses import dataclass

import numpy as np
import torch

from gpu_jobs.devices import peak_memory_bytes, start_peak_memory
from gpu_jobs.errors import ModelError
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.tasks import Task, quiet, reading


@dataclass(frozen=True)
class Sample:
    """The score of one document.

    Attributes:
        subject: lm-eval's task, which for MMLU is the subject.
        sample: position in the subject's documents, a colon and a hash of the document.
        value: the score, 0-100.
        chance: the score of guessing, 0-100; None where nothing is chosen.
    """

    subject: str
    sample: str
    value: float
    chance: float | None


@dataclass(frozen=True)
class Evaluation:
    """The scores of a benchmark's documents, and what they took.

    Attributes:
        samples: in the order of subjects and documents.
        n_cut: prompts that were cut to the context at their beginning.
        seconds: wall time.
        peak_memory_bytes: of the GPU, or of this process on a CPU since it began.
    """

    samples: list[Sample]
    n_cut: int
    seconds: float
    peak_memory_bytes: int


def evaluate(model: LanguageModel, task: Task, seed: int) -> Evaluation:
    """Evaluate a model on a benchmark with lm-eval's stock prompts, choices and metrics.

    Args:
        model: the model, whole or with layers removed.
        task: the benchmark.
        seed: draws the examples in the prompts (lm-eval's own default is 1234).

    Raises:
        ModelError: the forward pass fails, or its results are no numbers.
        DeviceError: a single prompt does not fit into the memory.
        TaskError: an answer does not fit into the context.
    """
    from lm_eval import evaluator

    benchmark = task.benchmark
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    for subject in task.subjects.values():
        # Anew for each evaluation: drawing examples moves the generator on.
        subject.set_fewshot_seed(seed)
    start_peak_memory(model.device)
    model.n_cut, start = 0, time.monotonic()
    with quiet(), reading(benchmark), torch.inference_mode():
        found = evaluator.evaluate(model, task.loaded, limit=task.limit, bootstrap_iters=0)
    seconds = time.monotonic() - start
    samples = [
        Sample(
            subject=name,
            sample=f"{one['doc_id']}:{one['doc_hash'][:16]}",
            value=100.0 * float(one[benchmark.scored]),
            chance=task.chance(name, one["doc_id"]),
        )
        for name in task.subjects
        for one in found["samples"][name]
        if one["filter"] == benchmark.filter
    ]
    if not all(np.isfinite(sample.value) for sample in samples):
        raise ModelError(
            f"A score of {benchmark.name} is no number: the log-likelihoods are too small for the "
            "number type, so try --dtype float32."
        )
    return Evaluation(samples, model.n_cut, seconds, peak_memory_bytes(model.device))
