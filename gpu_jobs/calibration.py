"""What relevance is measured on, and the code that decides what is found."""

from dataclasses import dataclass

from gpu_jobs.items import ItemSet

#: The sources that decide what the numbers are.
COMPUTING = (
    "calibration.py",
    "criteria.py",
    "devices.py",
    "engine.py",
    "heads.py",
    "items.py",
    "layer_state.py",
    "layer_walk.py",
    "layers.py",
    "lazy.py",
    "matrices.py",
    "matrix_parts.py",
    "models.py",
    "packing.py",
    "partial_maps.py",
    "prefixes.py",
    "racing.py",
    "relevance_maps.py",
    "relevance_study.py",
    "removal_items.py",
    "removal_scores.py",
    "removal_walks.py",
    "scoring.py",
    "sources.py",
    "sublayers.py",
    "surgery.py",
    "tasks.py",
    "wiring.py",
    "wiring_trial.py",
)


@dataclass(frozen=True)
class Calibration:
    """Items that relevance is measured on, and how.

    Attributes:
        items: the items.
        packed: whether cosines are over full-context sequences.
        method: `exact`, or `racing` for the accuracy.
        error_rate: of a race, else None.
    """

    items: ItemSet
    packed: bool = True
    method: str = "exact"
    error_rate: float | None = None

    def races(self, criterion: str) -> bool:
        """Tell whether a criterion is measured by racing."""
        return self.method == "racing" and criterion == "accuracy"
