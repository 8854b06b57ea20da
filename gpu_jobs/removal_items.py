"""What each item says of a model and its one-layer removals, as rows."""

from collections.abc import Sequence
from typing import Any

from gpu_jobs.items import ItemSet
from gpu_jobs.removal_scores import RemovalScores


def outcomes(found: RemovalScores, items: ItemSet, names: Sequence[int]) -> list[dict[str, Any]]:
    """Return a row a removal and item, in the items' order; the model itself comes first.

    Args:
        found: the scores.
        items: what was scored.
        names: numbers of the layers in the whole model, in the order of the scores.
    """
    removals = zip((None, *names), found.score.tolist(), found.log_likelihood.tolist(), strict=True)
    lengths = found.n_tokens.tolist()
    return [
        {
            "layer": layer,
            "item": item.name,
            "score": 100.0 * score,
            "log_likelihood": said,
            "n_tokens": length,
            "chance": 100.0 * item.chance,
        }
        for layer, scores, likelihoods in removals
        for item, score, said, length in zip(items.items, scores, likelihoods, lengths, strict=True)
    ]
