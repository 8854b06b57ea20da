"""A pruning study: its evaluations, each filed as soon as it is finished, and their comparison."""

import argparse
import contextlib
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from typing import Any

import pyarrow.parquet as pq

from gpu_jobs import benchmark_texts, devices, evaluation, models, results, sources, texts
from gpu_jobs.cells import CellStore
from gpu_jobs.influence import block_influence
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.protocols import Benchmark
from gpu_jobs.pruning_effects import EFFECTS, SAMPLES, effect
from gpu_jobs.selections import Selection
from gpu_jobs.surgery import removed
from gpu_jobs.tasks import Task, load_tasks
from gpu_jobs.worklist import Cell, work_off
from modelstrata.landing_schema import LANDING_TABLES
from modelstrata.settings import Settings

#: The sources that decide what the numbers are.
_EVALUATION = (
    *("devices.py", "evaluation.py", "language_model.py", "layers.py", "models.py", "protocols.py"),
    *("protocols.yaml", "sources.py", "surgery.py", "tasks.py"),
)
_EFFECTS = (*_EVALUATION, "intervals.py", "pruning_effects.py", "selections.py")
_INFLUENCE = (
    *("benchmark_texts.py", "devices.py", "influence.py", "layers.py", "models.py"),
    *("sources.py", "tasks.py", "texts.py"),
)


class Study:
    """One model, its benchmarks and the folder of results."""

    def __init__(self, args: argparse.Namespace, dagster: Any, say: Callable[[str], None]) -> None:
        """Find the model.

        Args:
            args: the program's options.
            dagster: the connection to Dagster, or None.
            say: takes lines for the user.

        Raises:
            ModelstrataError: the device, model or output folder cannot be used.
        """
        self.args, self.dagster, self.say = args, dagster, say
        self.device = devices.pick_device(args.device)
        trust = args.trust_remote_code
        self.source = sources.locate(args.model, args.revision, args.model_id, trust)
        self.config = models.load_config(self.source, trust)
        self.tokenizer = models.load_tokenizer(self.source, trust)
        if args.max_length is not None:
            models.longest(self.config, args.max_length)
        results.check_writable(args.output / "pruning_effects")
        self.store = CellStore(args.output)
        self.tasks: list[Task] = []

    @property
    def n_layers(self) -> int:
        """Number of the model's layers."""
        return int(self.config.get_text_config(decoder=True).num_hidden_layers)

    def load(self, benchmarks: list[Benchmark]) -> None:
        """Load the benchmarks' documents, and say where there are fewer than on the Hub.

        Raises:
            TaskError: data are missing or damaged.
        """
        data = self.args.eval_data or Settings().eval_data
        self.tasks = load_tasks(benchmarks, data, self.args.limit)
        for task in self.tasks:
            known = task.benchmark.documents
            if task.n_documents != known:
                self.say(
                    f"{task.benchmark.name}: {task.n_documents} documents, where the Hub's data "
                    f"hold {known}: scores are not comparable with published ones"
                )

    @cached_property
    def model(self) -> LanguageModel:
        """The model, loaded when the first unfinished cell needs it."""
        args = self.args
        trust = args.trust_remote_code
        loaded = models.load_model(self.source, self.config, args.dtype, self.device, trust).eval()
        evaluation.check_finite(loaded)
        return LanguageModel(
            loaded,
            self.tokenizer,
            args.batch_size,
            args.max_length,
            lambda size: self.say(f"out of memory: going on with {size} prompts a forward pass"),
        )

    def influence(self) -> list[float]:
        """Return each layer's block influence, the mean over the text sets.

        The text set is the one given, or there is one for each benchmark (structure paper,
        section 6.1: influence averaged over benchmarks).
        """
        args = self.args
        if args.texts:
            sets = {args.texts.stem: texts.read_texts(args.texts)}
        else:
            sets = {
                t.benchmark.name: texts.TextSet(benchmark_texts.render(t, args.seed))
                for t in self.tasks
            }
        found = [self._influence_on(name, text_set) for name, text_set in sets.items()]
        return [sum(values) / len(values) for values in zip(*found, strict=True)]

    def _influence_on(self, name: str, text_set: texts.TextSet) -> list[float]:
        args = self.args
        max_length = models.longest(self.config, args.max_length)
        text_set.lines = text_set.lines or list(range(1, len(text_set.texts) + 1))
        digest = hashlib.sha256(json.dumps(text_set.texts).encode()).hexdigest()
        encoded, n_cut = texts.encode(text_set, self.tokenizer, max_length)
        if n_cut:
            self.say(f"{n_cut} of {len(encoded)} texts of {name} cut to {max_length} tokens")
        chosen = {"benchmark": name, "n_texts": len(encoded), "max_length": max_length}
        cell = self._made("block_influence", chosen, digest, _INFLUENCE)

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            models.check_vocabulary(self.model.model, encoded)
            measured = block_influence(
                self.model.model,
                texts.make_batches(encoded, args.batch_size, self.device),
                lambda step: advance(step, 1),
                lambda size: self.say(f"out of memory: going on with {size} texts a batch"),
            )
            shared = {**cell, "n_layers": len(measured.values), "n_tokens": measured.n_tokens}
            return [
                {**shared, "texts_sha256": digest, "layer": layer, "block_influence": value}
                for layer, value in enumerate(measured.values)
            ]

        self._work_off(
            f"block influence on {name}",
            [Cell("block_influence", cell, lambda: -(-len(encoded) // args.batch_size), compute)],
        )
        rows = self._read("block_influence", cell)
        return [row["block_influence"] for row in sorted(rows, key=lambda row: row["layer"])]

    def effects(self, selections: Sequence[Selection]) -> list[dict[str, Any]]:
        """Evaluate the full model and each pruned one; return the comparisons.

        The full model's evaluation is made once, whatever is removed later.
        """
        removals = list(dict.fromkeys([(), *(chosen.layers for chosen in selections)]))
        cells = {
            (layers, number): self._evaluation(task, layers)
            for layers in removals
            for number, task in enumerate(self.tasks)
        }
        self._work_off(f"evaluation of {self.source.model_id}", list(cells.values()))
        rows = []
        for chosen in selections:
            for number, task in enumerate(self.tasks):
                pair = (cells[(), number].made, cells[chosen.layers, number].made)
                rows.append(self._effect(task, chosen, *pair))
        return rows

    def _evaluation(self, task: Task, layers: tuple[int, ...]) -> Cell:
        benchmark = task.benchmark
        chosen = {
            **_named(benchmark),
            "seed": self.args.seed,
            "limit": self.args.limit,
            "max_length": self.args.max_length,
            "removed_layers": " ".join(map(str, layers)),
            "n_layers": self.n_layers,
        }
        made = self._made("evaluation_samples", chosen, task.data_sha256, _EVALUATION)

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            name = f"{benchmark.name} without {chosen['removed_layers'] or 'nothing'}"
            self.model.advance = lambda count: advance(name, count)
            # Reversed when the block ends, however it ends: the next cell has the whole model.
            with removed(self.model.model, layers) if layers else contextlib.nullcontext():
                found = evaluation.evaluate(self.model, task, self.args.seed)
            if found.n_cut:
                self.say(
                    f"{benchmark.name}: the beginning of {found.n_cut} prompts was cut off, "
                    f"which is longer than the context of {self.model.max_length} tokens"
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
        rows = self._read("evaluation_samples", after)
        taken = {name: rows[0][name] for name in ("n_truncated", "seconds", "peak_memory_bytes")}
        asked = {name: after[name] for name in (*_named(task.benchmark), "seed", "limit")}
        made = self._made(
            "pruning_effects",
            {
                **asked,
                "max_length": after["max_length"],
                "removed_layers": chosen.text,
                "n_layers": self.n_layers,
                "selection": chosen.kind,
                "selection_seed": chosen.seed,
                "n_removed": len(chosen.layers),
            },
            task.data_sha256,
            _EFFECTS,
        )
        if not self.store.is_done("pruning_effects", made["result_key"]):
            row = {**made, **taken, **effect(self._read("evaluation_samples", before), rows)}
            row["computed_at"] = datetime.now(UTC)
            self.store.write("pruning_effects", made["result_key"], [row], EFFECTS)
        return self._read("pruning_effects", made)[0]

    def _made(
        self, table: str, chosen: dict[str, Any], data_sha256: str, modules: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the columns that say how a result was made; all of them decide its key."""
        chosen = {
            "table": table,
            **chosen,
            "dtype": self.args.dtype,
            "device": self.device.type,
            "lm_eval_version": version("lm_eval"),
        }
        return {**chosen, **results.provenance(self.source, chosen, data_sha256, modules)}

    def _read(self, table: str, made: dict[str, Any]) -> list[dict[str, Any]]:
        path = self.store.path(table, made["result_key"])
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return rows

    def _work_off(self, label: str, cells: list[Cell]) -> None:
        columns = {
            "evaluation_samples": SAMPLES,
            "block_influence": LANDING_TABLES["block_influence"],
        }
        work_off(self.store, cells, columns, label, self.say, self.dagster)


def _named(benchmark: Benchmark) -> dict[str, Any]:
    return {
        "benchmark": benchmark.name,
        "metric": benchmark.metric,
        "protocol": benchmark.protocol,
        "num_fewshot": benchmark.num_fewshot,
    }
