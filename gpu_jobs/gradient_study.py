"""Layer gradients of one model on several data sets: what is measured, in which order, and kept."""

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from typing import Any

from gpu_jobs import devices, models, pairs
from gpu_jobs.finetuning import Finetuning, Recipe
from gpu_jobs.gradient_rows import COLUMNS, TABLE, rows_of
from gpu_jobs.layer_gradients import layer_gradients
from gpu_jobs.matrices import find_matrices
from gpu_jobs.matrix_parts import Matrix
from gpu_jobs.model_job import ModelJob
from gpu_jobs.worklist import Cell

#: The sources that decide what the numbers are.
_COMPUTING = (
    "benchmark_texts.py",
    "datasets.py",
    "devices.py",
    "finetuning.py",
    "gradient_norms.py",
    "gradient_rows.py",
    "gradient_study.py",
    "json_lines.py",
    "layer_gradients.py",
    "layers.py",
    "losses.py",
    "matrices.py",
    "matrix_parts.py",
    "model_job.py",
    "models.py",
    "norms.py",
    "pair_batches.py",
    "pairs.py",
    "protocols.yaml",
    "sample_norms.py",
    "sources.py",
    "tasks.py",
    "wiring.py",
    "wiring_trial.py",
)


class Study(ModelJob):
    """The measurements that one command line asks for."""

    table = TABLE

    def __init__(
        self,
        args: argparse.Namespace,
        found: Sequence[pairs.PairSet],
        dagster: Any,
        say: Callable[[str], None],
    ) -> None:
        """Find the model and cut the data sets into tokens; the weights are not loaded yet."""
        super().__init__(args, dagster, say)
        self.max_length = models.longest(self.config, args.max_length)
        self.datasets: dict[str, list[pairs.Sample]] = {}
        for one in found:
            samples, n_cut = pairs.encode_pairs(one, self.tokenizer, self.max_length, args.limit)
            if one.set_aside:
                say(one.summary())
            if n_cut:
                say(
                    f"{one.name}: {n_cut} of {len(samples)} samples cut to {self.max_length} tokens"
                )
            self.datasets[one.name] = samples
        self._matrices: list[Matrix] = []
        self._tuning: tuple[str, Finetuning] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows; cells that are finished are not computed again."""
        cells = self._cells()
        self.work_off(f"gradients of {self.source.model_id}", cells, COLUMNS)
        return [row for cell in cells for row in self.read(TABLE, cell.made)]

    def _cells(self) -> list[Cell]:
        matched: dict[str, list[pairs.Sample]] = {}
        if len(self.datasets) > 1:
            matched = pairs.length_matched(self.datasets, self.args.seed)
            if not any(matched.values()):
                self.say(
                    "The data sets have no length of response in common, so that none is compared "
                    "at matched lengths: compare fewer of them, or raise --limit."
                )
        return [
            self._cell(name, sampling, step, chosen)
            for name, samples in self.datasets.items()
            for step in sorted(set(self.args.steps))
            for sampling, chosen in (("all", samples), ("length_matched", matched.get(name)))
            if chosen
        ]

    def _cell(self, name: str, sampling: str, step: int, samples: Sequence[pairs.Sample]) -> Cell:
        """Return the cell of some samples of a data set, after `step` steps on all of them."""
        args = self.args
        digest = pairs.digest(samples)
        if step:
            # The result depends on what the model was tuned on, too.
            both = digest + pairs.digest(self.datasets[name])
            digest = hashlib.sha256(both.encode()).hexdigest()
        chosen = {
            "dataset": name,
            "sampling": sampling,
            "step": step,
            "optimizer": args.optimizer if step else None,
            "learning_rate": args.learning_rate if step else None,
            "train_batch_size": args.train_batch_size if step else None,
            # Elsewhere no number depends on it.
            "seed": args.seed if step or sampling == "length_matched" else None,
            "n_samples": len(samples),
            "max_length": self.max_length,
        }
        made = self.made(TABLE, chosen, digest, _COMPUTING)

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            self._bring_to(name, step, lambda steps: advance(name, steps * args.train_batch_size))
            devices.start_peak_memory(self.device)
            start = time.monotonic()
            found = layer_gradients(
                self.loaded,
                self._matrices,
                samples,
                args.batch_size,
                advance=lambda count: advance(name, count),
                on_halving=lambda size: self.say(
                    f"out of memory: starting {name} anew with {size} samples a batch"
                ),
            )
            measured = {
                "seconds": time.monotonic() - start,
                "peak_memory_bytes": devices.peak_memory_bytes(self.device),
            }
            return rows_of(found, samples, {**made, **measured})

        # In samples that go through the model.
        size = len(samples) + step * args.train_batch_size
        return Cell(TABLE, made, lambda: size, compute)

    def _bring_to(self, dataset: str, step: int, advance: Callable[[int], None]) -> None:
        """Make the model what it is after `step` steps on `dataset`, with one copy of weights.

        `advance` is called with numbers of steps that are done.
        """
        name, tuning = self._tuning or ("", None)
        if tuning and (name != dataset or tuning.step > step):
            # The old weights go before new ones come.
            self._matrices, self._tuning, tuning = [], None, None
            del self.loaded
        if not self._matrices:
            everything = [list(s.ids) for samples in self.datasets.values() for s in samples]
            models.check_vocabulary(self.loaded, everything)
            self._matrices = find_matrices(self.loaded)
        if not step:
            return
        if self._tuning is None:
            args = self.args
            recipe = Recipe(args.optimizer, args.learning_rate, args.train_batch_size, args.seed)
            self._tuning = dataset, Finetuning(self.loaded, self.datasets[dataset], recipe)
        advance(self._tuning[1].step)
        self._tuning[1].advance_to(step, advance)
