"""Layer gradients of one model on several data sets: what is measured, in which order, and kept."""

import argparse
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import fmean
from typing import Any

from gpu_jobs import devices, models, pairs, pipes, results, sources
from gpu_jobs.cells import CellStore
from gpu_jobs.finetuning import Finetuning, Recipe
from gpu_jobs.gradient_rows import COLUMNS, TABLE, rows_of
from gpu_jobs.layer_gradients import layer_gradients
from gpu_jobs.matrices import Matrix, find_matrices
from modelstrata.progress import progress

#: The sources that decide what the numbers are.
COMPUTING = (
    "benchmarks.py",
    "datasets.py",
    "devices.py",
    "finetuning.py",
    "gradient_rows.py",
    "gradient_study.py",
    "layer_gradients.py",
    "layers.py",
    "losses.py",
    "matrices.py",
    "models.py",
    "norms.py",
    "pairs.py",
    "sample_norms.py",
    "sources.py",
    "wiring.py",
)


@dataclass(frozen=True)
class Cell:
    """What is measured and filed as one.

    Attributes:
        dataset: name of the data set.
        step: steps of fine-tuning on all of its samples before.
        samples: what is measured on.
        made: the columns that say how it is made; `result_key` is its key.
    """

    dataset: str
    step: int
    samples: tuple[pairs.Sample, ...]
    made: dict[str, Any]

    @property
    def key(self) -> str:
        """The key it is filed under."""
        return str(self.made["result_key"])


class Study:
    """The measurements that one command line asks for."""

    def __init__(
        self,
        args: argparse.Namespace,
        found: Sequence[pairs.PairSet],
        dagster: Any,
        say: Callable[[str], None],
    ) -> None:
        """Find the model and cut the data sets into tokens; the weights are not loaded yet."""
        self.args, self.dagster, self.say = args, dagster, say
        trust = args.trust_remote_code
        self.device = devices.pick_device(args.device)
        self.source = sources.locate(args.model, args.revision, args.model_id, trust)
        self.config = models.load_config(self.source, trust)
        self.max_length = models.longest(self.config, args.max_length)
        tokenizer = models.load_tokenizer(self.source, trust)
        self.datasets: dict[str, list[pairs.Sample]] = {}
        for one in found:
            samples, shortened = pairs.encode_pairs(one, tokenizer, self.max_length, args.limit)
            if one.set_aside:
                say(one.summary())
            if shortened:
                say(
                    f"{one.name}: {shortened} of {len(samples)} samples cut to {self.max_length} "
                    "tokens"
                )
            self.datasets[one.name] = samples
        results.check_writable(args.output / "results")
        self.store = CellStore(args.output)
        self._model: Any = None
        self._matrices: list[Matrix] = []
        self._tuning: tuple[str, Finetuning] | None = None

    def rows(self) -> list[dict[str, Any]]:
        """Return all rows; cells that are finished are not computed again.

        A cell that another job computes at the moment is left to it, and its rows left out.
        """
        cells = self._cells()
        pending = [cell for cell in cells if not self.store.is_done(TABLE, cell.key)]
        if len(pending) < len(cells):
            self.say(f"{len(cells) - len(pending)} of {len(cells)} cells are finished already")
        n_batches = sum(-(-len(cell.samples) // self.args.batch_size) for cell in pending)
        if pending:
            with progress(f"gradients of {self.source.model_id}", n_batches) as advance:
                report = pipes.reporting(advance, self.dagster, n_batches)
                for cell in pending:
                    self._finish(cell, report)
        done = [cell for cell in cells if self.store.is_done(TABLE, cell.key)]
        return [row for cell in done for row in self.store.read(TABLE, cell.key)]

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
            "dtype": args.dtype,
            "device": self.device.type,
        }
        made = results.provenance(self.source, chosen, digest, COMPUTING)
        return Cell(name, step, tuple(samples), made)

    def _finish(self, cell: Cell, report: Callable[[str], None]) -> None:
        """Measure and file a cell, unless another job does."""
        with self.store.claim(cell.key) as mine:
            if not mine:
                self.say(f"{cell.dataset}, step {cell.step}: left to another job")
                return
            if self.store.is_done(TABLE, cell.key):
                return
            self._bring_to(cell.dataset, cell.step)
            devices.start_peak_memory(self.device)
            start = time.monotonic()
            found = layer_gradients(
                self._model,
                self._matrices,
                cell.samples,
                self.args.batch_size,
                advance=lambda step: report(f"{cell.dataset}, {step}"),
                on_halving=lambda size: self.say(
                    f"out of memory: starting {cell.dataset} anew with {size} samples a batch"
                ),
            )
            made = {
                **cell.made,
                "computed_at": datetime.now(UTC),
                "seconds": time.monotonic() - start,
                "peak_memory_bytes": devices.peak_memory_bytes(self.device),
            }
            self.store.write(TABLE, cell.key, rows_of(found, cell.samples, made), COLUMNS)

    def _bring_to(self, dataset: str, step: int) -> None:
        """Make the model what it is after `step` steps on `dataset`, with one copy of weights."""
        name, tuning = self._tuning or ("", None)
        if self._model is None or (tuning and (name != dataset or tuning.step > step)):
            self._load()
        if not step:
            return
        if self._tuning is None:
            args = self.args
            recipe = Recipe(args.optimizer, args.learning_rate, args.train_batch_size, args.seed)
            self._tuning = dataset, Finetuning(self._model, self.datasets[dataset], recipe)
        self._tuning[1].advance_to(step)

    def _load(self) -> None:
        # The old weights go first.
        self._model, self._matrices, self._tuning = None, [], None
        trust = self.args.trust_remote_code
        self._model = models.load_model(
            self.source, self.config, self.args.dtype, self.device, trust
        )
        everything = [list(s.ids) for samples in self.datasets.values() for s in samples]
        models.check_vocabulary(self._model, everything)
        models.check_finite(self._model)
        self._matrices = find_matrices(self._model)


def sentence(rows: Sequence[dict[str, Any]]) -> str:
    """Say in one line what the rows of a cell hold."""
    first = rows[0]
    n_layers = 1 + max(row["layer"] for row in rows)
    thirds = [
        fmean(r["nuclear_norm"] for r in rows if r["layer"] * 3 // n_layers == third)
        for third in range(min(3, n_layers))
        if any(r["layer"] * 3 // n_layers == third for r in rows)
    ]
    most = max(rows, key=lambda row: row["nuclear_norm"])
    return (
        f"{first['dataset']}, step {first['step']}, {first['sampling'].replace('_', '-')}: "
        f"{first['n_samples']} samples of {first['mean_response_tokens']:.1f} response tokens; "
        f"nuclear norm by third of the layers {' '.join(f'{value:.4g}' for value in thirds)}, "
        f"largest {most['nuclear_norm']:.4g} at {most['matrix']} of layer {most['layer']} "
        f"({first['seconds']:.1f} s)"
    )
