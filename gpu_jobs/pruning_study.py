"""A pruning study: its evaluations, each filed as soon as it is finished, and their comparison."""

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from gpu_jobs import evaluation
from gpu_jobs.evaluation_job import EvaluationJob
from gpu_jobs.protocols import Benchmark
from gpu_jobs.pruning_effects import EFFECTS, SAMPLES, effect
from gpu_jobs.selections import Selection
from gpu_jobs.surgery import removed
from gpu_jobs.tasks import Task, load_tasks
from gpu_jobs.worklist import Cell
from modelstrata.settings import Settings

#: The sources that decide what the numbers are.
_EVALUATION = (
    "devices.py",
    "evaluation.py",
    "heads.py",
    "language_model.py",
    "layer_state.py",
    "layers.py",
    "models.py",
    "packing.py",
    "scoring.py",
    "sources.py",
    "surgery.py",
    "tasks.py",
)
_EFFECTS = (*_EVALUATION, "intervals.py", "pruning_effects.py", "selections.py")
#: What a comparison takes from the evaluation of the pruned model.
_TAKEN = ("n_truncated", "seconds", "peak_memory_bytes")

#: Columns that each result has of its own.
_MADE = ("result_key", "input_hash", "code_version", "torch_version", "transformers_version")


class Study(EvaluationJob):
    """One model, its benchmarks and the folder of results.

    Attributes:
        tasks: the benchmarks, once they are loaded.
    """

    tasks: tuple[Task, ...] = ()

    def load(self, benchmarks: list[Benchmark]) -> None:
        """Load the documents of benchmarks; say where there are fewer than on the Hub.

        Raises:
            TaskError: data are missing or damaged.
        """
        data = self.args.eval_data or Settings().eval_data
        self.tasks = tuple(load_tasks(benchmarks, data, self.args.limit))
        for task in self.tasks:
            known = task.benchmark.documents
            if task.n_documents != known:
                self.say(
                    f"{task.benchmark.name}: {task.n_documents} documents, where the Hub's data "
                    f"hold {known}: scores are not comparable with published ones"
                )

    def effects(self, selections: Sequence[Selection]) -> list[dict[str, Any]]:
        """Evaluate the full model and each pruned one; return the comparisons.

        The full model's evaluation is made once, whatever is removed later.
        """
        removals = dict.fromkeys([(), *(chosen.layers for chosen in selections)])
        cells = {
            (layers, number): self._evaluation(task, layers)
            for layers in removals
            for number, task in enumerate(self.tasks)
        }
        self.work_off(f"evaluation of {self.source.model_id}", list(cells.values()), SAMPLES)
        return [
            self._effect(task, chosen, cells[(), number].made, cells[chosen.layers, number].made)
            for chosen in selections
            for number, task in enumerate(self.tasks)
        ]

    def _evaluation(self, task: Task, layers: tuple[int, ...]) -> Cell:
        benchmark = task.benchmark
        named = " ".join(map(str, layers))
        chosen = {
            # All that the table of protocols says of the benchmark.
            "asked": repr(benchmark),
            "benchmark": benchmark.name,
            "metric": benchmark.metric,
            "protocol": benchmark.protocol,
            "num_fewshot": benchmark.num_fewshot,
            "seed": self.args.seed,
            "limit": self.args.limit,
            "max_length": self.args.max_length,
            "removed_layers": named,
            "n_layers": self.n_layers,
        }
        made = self.made("evaluation_samples", chosen, task.data_sha256, _EVALUATION)

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            step = f"{benchmark.name} without {named}" if layers else benchmark.name
            self.model.advance = lambda count: advance(step, count)
            # Undone when the block ends, however it ends: the next cell has the whole model.
            with removed(self.model.model, layers) if layers else contextlib.nullcontext():
                found = evaluation.evaluate(self.model, task, self.args.seed)
            if found.n_cut:
                self.say(
                    f"{step}: {found.n_cut} prompts are longer than the context of "
                    f"{self.model.max_length} tokens; their beginning was cut off"
                )
            shared = {
                **made,
                "n_truncated": found.n_cut,
                "seconds": found.seconds,
                "peak_memory_bytes": found.peak_memory_bytes,
            }
            return [{**shared, **asdict(sample)} for sample in found.samples]

        return Cell("evaluation_samples", made, lambda: task.n_requests, compute)

    def _effect(
        self, task: Task, chosen: Selection, before: dict[str, Any], after: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the comparison of two finished evaluations, found or computed."""
        how = {
            "selection": chosen.kind,
            "selection_seed": chosen.seed,
            "n_removed": len(chosen.layers),
        }
        asked = {name: after[name] for name in EFFECTS if name in after and name not in _MADE}
        made = self.made("pruning_effects", {**asked, **how}, task.data_sha256, _EFFECTS)
        if not self.store.is_done("pruning_effects", made["result_key"]):
            rows = self.read("evaluation_samples", after)
            row = {
                **made,
                **{name: rows[0][name] for name in _TAKEN},
                **effect(self.read("evaluation_samples", before), rows),
                "computed_at": datetime.now(UTC),
            }
            self.store.write("pruning_effects", made["result_key"], [row], EFFECTS)
        return self.read("pruning_effects", made)[0]
