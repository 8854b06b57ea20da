"""Block influence averaged over text sets, as the Structure paper chooses layers (section 6.1)."""

from collections.abc import Callable, Sequence
from typing import Any

from gpu_jobs import benchmark_texts, models, texts
from gpu_jobs.evaluation_job import EvaluationJob
from gpu_jobs.influence import block_influence
from gpu_jobs.tasks import Task
from gpu_jobs.worklist import Cell
from modelstrata.landing_schema import LANDING_TABLES

_COLUMNS = LANDING_TABLES["block_influence"]


def mean_influence(job: EvaluationJob, tasks: Sequence[Task]) -> list[float]:
    """Return each layer's block influence, the mean over text sets; each set is a cell.

    The text set is the one that `--texts` names, or there is one for each benchmark: the prompts
    with the right answers.

    Raises:
        TextError: the text set is missing or empty.
        ModelError: a hidden state is not finite.
    """
    args = job.args
    if args.texts:
        sets = {args.texts.stem: texts.read_texts(args.texts)}
    else:
        sets = {task.benchmark.name: benchmark_texts.render(task, args.seed) for task in tasks}
    found = [_influence(job, name, text_set) for name, text_set in sets.items()]
    return [sum(values) / len(values) for values in zip(*found, strict=True)]


def _influence(job: EvaluationJob, name: str, text_set: texts.TextSet) -> list[float]:
    size = job.args.batch_size
    max_length = models.longest(job.config, job.args.max_length)
    digest = benchmark_texts.digest(text_set)
    encoded, n_cut = texts.encode(text_set, job.tokenizer, max_length)
    if n_cut:
        job.say(f"{n_cut} of {len(encoded)} texts of {name} cut to {max_length} tokens")
    chosen = {"benchmark": name, "n_texts": len(encoded), "max_length": max_length}
    made = job.made("block_influence", chosen, digest, benchmark_texts.COMPUTING)

    def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
        models.check_vocabulary(job.loaded, encoded)
        measured = block_influence(
            job.loaded,
            texts.make_batches(encoded, size, job.device),
            lambda step: advance(step, 1),
            lambda size: job.say(f"out of memory: going on with at most {size} texts a batch"),
        )
        shared = {
            **made,
            "texts_sha256": digest,
            "n_layers": len(measured.values),
            "n_tokens": measured.n_tokens,
        }
        return [
            {**shared, "layer": layer, "block_influence": value}
            for layer, value in enumerate(measured.values)
        ]

    cell = Cell("block_influence", made, lambda: -(-len(encoded) // size), compute)
    job.work_off(f"block influence on {name}", [cell], _COLUMNS)
    rows = sorted(job.read("block_influence", made), key=lambda row: row["layer"])
    return [row["block_influence"] for row in rows]
