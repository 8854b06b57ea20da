"""Scores of healed models, each filed when finished: what is healed on which items, and how."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, replace
from functools import cache, cached_property
from importlib.metadata import version
from typing import Any

from gpu_jobs import items, pairs, paths
from gpu_jobs.adapters import adapter_weights, write_adapters
from gpu_jobs.calibration import COMPUTING
from gpu_jobs.errors import TaskError
from gpu_jobs.healing import Recipe, healed
from gpu_jobs.items import ItemSet
from gpu_jobs.relevance_maps import Maps
from gpu_jobs.relevance_rows import HEALED_SCORES
from gpu_jobs.relevance_study import Study
from gpu_jobs.surgery import removed
from gpu_jobs.worklist import Cell

_COMPUTING = (
    *COMPUTING,
    "adapters.py",
    "healing.py",
    "healing_study.py",
    "lora.py",
    "losses.py",
    "pair_batches.py",
    "pairs.py",
)
#: Share of the train split's items that is held out, see `healing`.
_VALIDATION = 0.1


class Healer:
    """Heals pruned models of a study on the train splits of its tasks.

    Attributes:
        steps: numbers of removed layers at which models are healed.
    """

    def __init__(self, study: Study) -> None:
        """Take a study whose options ask for healing."""
        self.study, args = study, study.args
        self.steps = {paths.n_steps(share, study.n_layers) for share in args.heal_shares}
        self.recipe = Recipe(
            seed=args.seed,
            max_steps=args.heal_steps,
            targets=args.heal_targets,
            learning_rate=args.heal_learning_rate,
            epochs=args.heal_epochs,
            patience=args.heal_patience,
        )
        self._split = cache(self._split_of)

    def scores(self, tested: ItemSet, path: paths.Path) -> list[dict[str, Any]]:
        """Return rows of `HEALED_SCORES`: what the model without some layers scores once healed.

        None where the task has no train split.
        """
        found = self._split(tested.name)
        if found is None:
            return []
        cell = self._cell(tested, path, *found)
        label = f"{tested.name} ({tested.split}) without {len(path)} layers, healed"
        self.study.work_off(label, [cell], HEALED_SCORES)
        return self.study.read("healed_scores", cell.made)

    def _split_of(self, task: str) -> tuple[list[pairs.Sample], list[pairs.Sample]] | None:
        """Return what is learnt and what is held out, or None where there is no train split."""
        try:
            found = self.study.sets.training(task, self.study.args.heal_limit)
        except TaskError as error:
            self.study.say(f"not healed: {error}")
            return None
        samples = samples_of(found, self.study.model.max_length)
        count = len(samples)
        if count < 2:
            self.study.say(f"not healed: {task} has {count} usable items in its train split")
            return None
        held = set(items.drawn(count, max(1, round(_VALIDATION * count)), self.recipe.seed))
        return (
            [sample for place, sample in enumerate(samples) if place not in held],
            [sample for place, sample in enumerate(samples) if place in held],
        )

    def _cell(
        self,
        tested: ItemSet,
        path: paths.Path,
        training: list[pairs.Sample],
        validation: list[pairs.Sample],
    ) -> Cell:
        study, recipe = self.study, self.recipe
        args = study.args
        settings = {**asdict(recipe), "peft_version": self._peft_version}
        chosen = {
            "task": tested.name,
            "split": tested.split,
            "protocol": args.protocol,
            "n_items": len(tested.items),
            "n_truncated": tested.n_cut,
            "item_seed": args.seed,
            "item_limit": args.test_limit,
            "max_length": args.max_length,
            "n_layers": study.n_layers,
            "unit": args.unit,
            "removed_layers": " ".join(map(str, sorted(path))),
            "healing_seed": recipe.seed,
            "healing_items": len(training),
            "healing_validation_items": len(validation),
            "settings": settings,
        }
        digests = (tested.sha256, pairs.digest(training), pairs.digest(validation))
        data_sha256 = hashlib.sha256("".join(digests).encode()).hexdigest()
        made = study.made("healed_scores", chosen, data_sha256, _COMPUTING)
        key = str(made["result_key"])

        def compute(advance: Callable[[str, int], None]) -> list[dict[str, Any]]:
            def count(number: int) -> None:
                advance(tested.name, number)

            model = study.loaded
            # Adapters were not there in the trials of walks.
            limits = replace(study.engine.limits(tested), shared_layers=False)
            with (
                removed(model, path),
                healed(model, training, validation, recipe, count) as course,
            ):
                # The layers are out already, for the adapters are in those that are left.
                left = study.n_layers - len(path)
                rows = Maps(model, (), left, tested, limits).item_scores(count)
                # Before the scores, which make the cell a finished one.
                write_adapters(study.store.folder, key, adapter_weights(model))
            told = {**settings, "validation_losses": course.losses, "adapters": key}
            shared = {
                **made,
                "healing_steps": course.steps,
                "healing_best_step": course.best_step,
                "healing_loss_before": course.losses[0][1],
                "healing_loss": course.loss,
                "healing": json.dumps(told),
            }
            return [{**shared, **row} for row in rows]

        def size() -> int:
            return recipe.steps(len(training)) + len(tested.requests)

        return Cell("healed_scores", made, size, compute)

    @cached_property
    def _peft_version(self) -> str:
        return version("peft")


def samples_of(found: ItemSet, max_length: int) -> list[pairs.Sample]:
    """Return items as prompts with their right answers as responses, cut as they are scored.

    An answer's first token is no response where nothing comes before it.
    """
    samples = []
    for item in found.items:
        prompt, answer = item.sequences[item.right]
        ids = (*prompt, *answer)[-max_length:]
        n_response = min(len(answer), len(ids) - 1)
        if n_response > 0:
            samples.append(pairs.Sample(ids, n_response))
    return samples
