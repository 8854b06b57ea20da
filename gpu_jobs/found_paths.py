"""Picking one path of removals out of a folder of relevance results."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gpu_jobs.errors import OutputError
from gpu_jobs.model_cards import Account
from modelstrata.landing_schema import SEARCH_COLUMNS

#: What tells paths of one model apart: how they are looked for, and what rounds differently.
IDENTITY = (*SEARCH_COLUMNS, "dtype", "device")

Rows = Sequence[dict[str, Any]]


@dataclass(frozen=True)
class FoundPath:
    """The first steps of a path.

    Attributes:
        order: the removed layers, in the order of their removal.
        rows: rows of `PRUNING_PATHS` of the last of these steps, one a task that was scored; of a
            healed model the one of its task.
    """

    order: tuple[int, ...]
    rows: tuple[dict[str, Any], ...]

    @cached_property
    def healing(self) -> dict[str, Any] | None:
        """How the model was healed: settings, and the key of its adapters; None if it was not."""
        (row, *_) = self.rows
        return json.loads(row["healing"]) if row["healed"] else None

    def account(self) -> Account:
        """Return what a model card says of the path."""
        row = self.rows[0]
        kind = {"one_shot": "measured once", "iterative": "measured anew after each removal"}
        how = (
            f"at random, with seed {row['path_seed']}"
            if row["criterion"] == "random"
            else f"by {row['criterion']} on {row['calibration']}, {row['path']} path"
            + (f" ({kind[row['path']]})" if row["path"] in kind else "")
        )
        together = row["path"] == "block"
        facts = {
            "order of removal": "as one block" if together else " ".join(map(str, self.order)),
        }
        if row["calibration"]:
            facts["calibration"] = (
                f"{row['calibration_items']} items of {row['calibration']} "
                f"({row['calibration_split']}), drawn with seed {row['calibration_seed']}; SHA-256 "
                f"{row['calibration_sha256']}"
            )
        if row["packed"] is not None:
            facts["cosines over"] = "full contexts" if row["packed"] else "single items"
        if row["error_rate"] is not None:
            facts["race"] = f"approximate, at error rate {row['error_rate']:g}"
        if row["beam_width"] is not None:
            facts["beam width"] = str(row["beam_width"])
        facts["measured with"] = (
            f"{row['dtype']} on {row['device']}, torch {row['torch_version']}, transformers "
            f"{row['transformers_version']}, lm-eval {row['lm_eval_version']}"
        )
        facts["version of the measuring code"] = row["code_version"]
        facts["results"] = " ".join(row["result_key"] for row in self.rows)
        return Account(how, facts, self.rows, self._training())

    def _training(self) -> str | None:
        """Say how the model was healed."""
        if (told := self.healing) is None:
            return None
        row = self.rows[0]
        return (
            f"{row['healing_best_step']} steps on {row['healing_items']} items of the train split "
            f"of {row['task']} with low-rank adapters (rank {told['rank']}, alpha "
            f"{told['alpha']}, {told['targets'].replace('_', ' ')}, seed {row['healing_seed']}), "
            f"which are part of the weights; the loss on {row['healing_validation_items']} items "
            f"held out was {row['healing_loss_before']:.3f} nats a token before and is "
            f"{row['healing_loss']:.3f}"
        )


def pick(
    rows: Rows,
    weights_sha256: str,
    wanted: Mapping[str, Any],
    steps: int | None,
    place: str,
    healed: str | None = None,
) -> FoundPath:
    """Return the one path that is asked for.

    Args:
        rows: of `PRUNING_PATHS`, of any models.
        weights_sha256: of the model's weights.
        wanted: columns to what they must be; None leaves one open.
        steps: how many of its removals; None takes all that were scored.
        place: the folder, for errors.
        healed: the task that the model was healed on; None takes what was not healed.

    Raises:
        OutputError: there is no such path, it is not as long, or there are several.
    """
    mine = [
        row
        for row in rows
        if row["weights_sha256"] == weights_sha256
        and (row["task"] == healed if row["healed"] else healed is None)
        # A model without a layer's attention or MLP alone is none that transformers could load.
        and row["unit"] == "block"
    ]
    if not mine:
        named = ", ".join(sorted({row["model_id"] for row in rows})) or "no model"
        what = f"path that was healed on {healed}" if healed else "path of whole layers"
        raise OutputError(
            f"{place} holds no {what} of this model's weights, only paths of {named}: check "
            "--model and --results."
        )
    chosen = [row for row in mine if all(_fits(row, *one) for one in wanted.items())]
    groups = _by_path(chosen)
    if len(groups) != 1:
        listed = "; ".join(_named(found[0]) for found in groups or _by_path(mine))
        raise OutputError(
            f"{place} holds {'several such paths' if groups else 'no such path'}: name one of "
            f"these with --criterion, --path, --calibration, --seed or --result: {listed}."
        )
    (found,) = groups
    reached = max(row["step"] for row in found)
    steps = steps or reached
    there = [row for row in found if row["step"] == steps]
    if not there:
        raise OutputError(
            f"The path has {reached} steps so far, not {steps}: run gpu_jobs.relevance with a "
            "larger --share, which goes on where it is, or give fewer --steps."
        )
    # The newest, where another version of the code found another order.
    order = max(there, key=lambda row: row["computed_at"])["removal_order"]
    scored: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in sorted(there, key=lambda row: row["computed_at"]):
        if row["removal_order"] == order:
            scored[row["task"], row["split"], row["protocol"], row["n_items"]] = row
    return FoundPath(tuple(map(int, order.split())), tuple(scored.values()))


def _fits(row: Mapping[str, Any], name: str, value: Any) -> bool:
    return value is None or row[name] == value


def _by_path(rows: Rows) -> list[Rows]:
    """Return the rows of each path."""
    found: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in IDENTITY), []).append(row)
    return list(found.values())


def _named(row: Mapping[str, Any]) -> str:
    """Say what path a row is of."""
    on = f" on {row['calibration_items']} items of {row['calibration']}"
    seed = f", seed {row['path_seed']}"
    return (
        f"{row['criterion']} {row['path']}"
        + (on if row["calibration"] else seed)
        + (", single" if row["packed"] is False else "")
        + f" (result {row['result_key']})"
    )
