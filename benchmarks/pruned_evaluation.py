"""What evaluating a model without some layers costs, with and without a save and a reload."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import torch
from lm_eval import evaluator
from lm_eval.models.huggingface import HFLM

from gpu_jobs.evaluation import evaluate
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.sources import Source
from gpu_jobs.surgery import removed, save_pruned
from gpu_jobs.tasks import Task, quiet

#: Draws nothing in zero-shot prompts.
SEED = 1234


def ways(
    model: Any, tokenizer: Any, source: Source, task: Task, layers: Sequence[int], size: int
) -> tuple[dict[str, Callable[[], object]], dict[str, float]]:
    """Return two ways to score the model without `layers`, and where they leave their scores.

    `in memory` removes the layers and evaluates; `saved` writes the pruned model, and lm-eval
    loads and evaluates it, as one would without this package.
    """
    scores: dict[str, float] = {}

    def in_memory() -> None:
        with removed(model, layers):
            found = evaluate(LanguageModel(model, tokenizer, size), task, SEED)
        scores["in memory"] = mean(sample.value for sample in found.samples)

    def saved() -> None:
        with tempfile.TemporaryDirectory() as folder:
            save_pruned(model, tokenizer, Path(folder) / "model", layers, source)
            with quiet(), torch.inference_mode():
                stock = HFLM(
                    str(Path(folder) / "model"),
                    dtype="float32",
                    device=str(model.device),
                    batch_size=size,
                )
                found = evaluator.evaluate(stock, task.loaded, limit=task.limit, bootstrap_iters=0)
        (samples,) = (found["samples"][name] for name in task.subjects)
        scores["saved"] = 100 * mean(one[task.benchmark.scored] for one in samples)

    return {"in memory": in_memory, "saved": saved}, scores
