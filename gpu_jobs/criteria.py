"""Seven measures of how much a layer matters, the larger the more (paper 2605.14075, section 6)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from gpu_jobs.errors import ModelError, TaskError
from gpu_jobs.items import ItemSet, sequences
from gpu_jobs.layers import CosineSums, find_decoder_layers, listening
from gpu_jobs.removal_scores import RemovalScores
from gpu_jobs.sublayers import SubLayers

#: In the order of the paper's table 1, its own last.
CRITERIA = (
    *("taylor", "cosine", "output_cosine", "output_norm", "output_divergence"),
    *("perplexity", "accuracy"),
)
#: Those that need each layer to be removed.
BY_REMOVAL = frozenset(
    {"output_cosine", "output_norm", "output_divergence", "perplexity", "accuracy"}
)
#: Those that compare outputs.
BY_OUTPUT = frozenset({"output_cosine", "output_norm", "output_divergence"})


@dataclass(frozen=True)
class Relevance:
    """How much each layer matters.

    Attributes:
        values: by layer; larger is more.
        ties: by layer, decides among equal values; larger is more.
    """

    values: tuple[float, ...]
    ties: tuple[float, ...]

    @property
    def least(self) -> int:
        """The layer that matters least; of those equal in everything the last one."""
        order = range(len(self.values))
        return min(order, key=lambda layer: (self.values[layer], self.ties[layer], -layer))

    def of(self, chosen: Sequence[int]) -> "Relevance":
        """Return that of some layers, by their place."""
        return Relevance(
            tuple(self.values[place] for place in chosen),
            tuple(self.ties[place] for place in chosen),
        )


def by_accuracy(full: float, without: Sequence[float], chance: float, name: str) -> list[float]:
    """Return the relevance of layers by equation 3.

    Args:
        full: accuracy of the model, 0-1.
        without: accuracies without each layer.
        chance: r(D), the accuracy of a random predictor.
        name: of the task, for the error.

    Raises:
        TaskError: the model is not above chance, so that the measure is undefined.
    """
    if not full > chance:
        raise TaskError(
            f"The model is not above chance on {name} ({100 * full:.1f} where guessing gives "
            f"{100 * chance:.1f}), so that accuracy tells nothing about its layers there: choose "
            "another task, or another criterion."
        )
    return [1.0 - max(one - chance, 0.0) / (full - chance) for one in without]


def from_removals(criterion: str, scores: RemovalScores, item_set: ItemSet) -> Relevance:
    """Return a measure that needs removals.

    Of equal accuracies (there are only as many values as items) the mean log-likelihood of the
    right answers decides. `perplexity` is the logarithm of the ratio of perplexities.

    Raises:
        TaskError: the accuracy is undefined.
    """
    loss = scores.log_perplexity
    ties = tuple((loss[1:] - loss[0]).tolist())
    if criterion == "accuracy":
        accuracy = scores.accuracy.tolist()
        values = by_accuracy(accuracy[0], accuracy[1:], item_set.chance, item_set.name)
    elif criterion == "perplexity":
        values = list(ties)
    else:
        values = scores.outputs[criterion][1:].mean(axis=1).tolist()
    return Relevance(tuple(values), ties)


def instances(item_set: ItemSet, packed: bool, length: int) -> list[np.ndarray]:
    """Return token ids of instances: prompts with right answers, or texts.

    Args:
        item_set: the items.
        packed: put them together into sequences of `length` tokens (the paper, C.1); a rest that
            fills none is left out unless there is no other.
        length: tokens of context.
    """
    rows = [np.asarray(ids) for ids in sequences(item_set)]
    if not packed:
        return rows
    tokens = np.concatenate(rows)
    whole = len(tokens) // length * length
    return np.split(tokens[:whole], whole // length) if whole else [tokens]


def cosine(
    model: Any,
    rows: Sequence[np.ndarray],
    advance: Callable[[int], None],
    sublayers: SubLayers | None = None,
) -> Relevance:
    """Return the cosine-similarity score of each layer, equation 2.

    Args:
        model: on its device.
        rows: token ids of each instance.
        advance: called with the number of instances done.
        sublayers: compares the states before and after attention or MLP instead of the layer.
    """
    layers = find_decoder_layers(model)
    total = torch.zeros(len(layers), dtype=torch.float64)
    for row in rows:
        ids = torch.from_numpy(row).unsqueeze(0).to(model.device)
        found = CosineSums(torch.ones_like(ids, dtype=torch.bool))
        heard = sublayers.listening(found) if sublayers else listening(layers, found)
        with torch.inference_mode(), heard:
            model.get_decoder()(input_ids=ids, use_cache=False)
        sums = torch.stack([found.sums[number] for number in range(len(layers))])
        total += 1.0 - sums.cpu().double() / ids.numel()
        advance(1)
    values = tuple((total / len(rows)).tolist())
    return Relevance(values, values)


class LastStates:
    """The first text's last hidden state before each layer and behind the last one.

    Attributes:
        entering: one tensor of shape (width,) a layer.
        leaving: what left the layer that ran last.
    """

    def __init__(self) -> None:
        """Prepare for one forward pass."""
        self.entering: list[torch.Tensor] = []
        self.leaving = torch.zeros(0)

    def enter(self, layer: int, state: Any) -> None:
        """Keep what enters a layer."""
        self.entering.append(self._last(state))

    def leave(self, layer: int, state: Any) -> None:
        """Keep what leaves a layer until the next one has run."""
        self.leaving = self._last(state)

    @staticmethod
    def _last(state: Any) -> torch.Tensor:
        # Copied, so that a layer working in place cannot change it.
        found: torch.Tensor = (state[0] if isinstance(state, tuple) else state)[0, -1].clone()
        return found


def block_distances(
    model: Any, rows: Sequence[np.ndarray], advance: Callable[[int], None]
) -> np.ndarray:
    """Return how much each block of adjacent layers turns the last token's hidden state.

    The angular distance, arccos(cosine) / pi, of what enters a block from what leaves it, the mean
    over instances (Gromov et al., arXiv 2403.17887, section 3.2).

    Args:
        model: on its device.
        rows: token ids of each instance.
        advance: called with the number of instances done.

    Returns:
        Entry (l, n - 1) is of the n layers from layer l on; nan where there are not so many.
        Shape (layers, layers).
    """
    layers = find_decoder_layers(model)
    total = torch.full((len(layers), len(layers)), float("nan"), dtype=torch.float64)
    for first in range(len(layers)):
        total[first, : len(layers) - first] = 0.0
    for row in rows:
        ids = torch.from_numpy(row).unsqueeze(0).to(model.device)
        # Typed as Any, since `listening` names the class that it was made for.
        found: Any = LastStates()
        with torch.inference_mode(), listening(layers, found):
            model.get_decoder()(input_ids=ids, use_cache=False)
        states = torch.stack([*found.entering, found.leaving])
        unit = nn.functional.normalize(states.double(), dim=-1).cpu()
        angles = (unit @ unit.T).clamp(-1.0, 1.0).arccos() / torch.pi
        for first in range(len(layers)):
            total[first, : len(layers) - first] += angles[first, first + 1 :]
        advance(1)
    return np.asarray(total / len(rows))


def taylor(
    model: Any,
    item_set: ItemSet,
    length: int,
    advance: Callable[[int], None],
    sublayers: SubLayers | None = None,
) -> Relevance:
    """Return the sum over a layer's weights, or those of a part of it, of |weight x gradient|.

    The gradient is that of the mean negative log-likelihood over the tokens of right answers (a
    text: of the text), accumulated over all items.

    Raises:
        ModelError: a gradient is not finite.
    """
    layers = find_decoder_layers(model)
    n_tokens = sum(len(item.sequences[item.right][1]) for item in item_set.items)
    weights = [
        sublayers.weights(number) if sublayers else list(layer.parameters())
        for number, layer in enumerate(layers)
    ]
    wanted = {id(weight) for some in weights for weight in some}
    frozen = [w for w in model.parameters() if id(w) not in wanted and w.requires_grad]
    try:
        for weight in frozen:
            weight.requires_grad_(False)
        for item in item_set.items:
            prompt, answer = item.sequences[item.right]
            ids = torch.tensor([[*prompt, *answer][-length:]], device=model.device)
            logits = model(input_ids=ids, use_cache=False).logits[0, -len(answer) - 1 : -1]
            loss = nn.functional.cross_entropy(
                logits.float(), ids[0, -len(answer) :], reduction="sum"
            )
            (loss / n_tokens).backward()
            advance(1)
        values = tuple(
            sum(
                float((weight.detach().double() * weight.grad.double()).abs().sum())
                for weight in some
                if weight.grad is not None
            )
            for some in weights
        )
    finally:
        model.zero_grad(set_to_none=True)
        for weight in frozen:
            weight.requires_grad_(True)
    if not all(np.isfinite(values)):
        raise ModelError(
            "A gradient is no number: the number type is too narrow or the weights are damaged, "
            "so try --dtype float32."
        )
    return Relevance(values, values)
