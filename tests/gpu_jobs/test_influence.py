"""Block influence as equation 3 and the theorem define it."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from gpu_jobs.errors import DeviceError, ModelError
from gpu_jobs.influence import block_influence
from gpu_jobs.layers import find_decoder_layers
from gpu_jobs.texts import make_batches
from tests.gpu_jobs import tiny

LENGTHS = (1, 30, 2, 9, 17, 5, 12, 3)


def _encoded() -> list[list[int]]:
    random = torch.Generator().manual_seed(1)
    return [
        torch.randint(2, tiny.VOCABULARY, (length,), generator=random).tolist()
        for length in LENGTHS
    ]


@pytest.mark.parametrize("model_type", tiny.ARCHITECTURES)
def test_equation_3_on_any_decoder_and_batch_size(model_type: str) -> None:
    model = tiny.build(model_type).double()
    encoded = _encoded()
    found = [block_influence(model, make_batches(encoded, size, "cpu")) for size in (1, 3, 8)]
    expected = tiny.reference(model, encoded, tiny.ARCHITECTURES[model_type][1])
    assert max(expected) > 0.01
    for result in found:
        assert result.n_tokens == sum(LENGTHS)
        assert result.values == pytest.approx(expected, abs=2e-6)


def test_a_layer_that_changes_nothing_has_no_influence() -> None:
    model = tiny.build("llama")
    layer = model.model.layers[1]
    nn.init.zeros_(layer.self_attn.o_proj.weight)
    nn.init.zeros_(layer.mlp.down_proj.weight)
    values = block_influence(model, make_batches(_encoded(), 3, "cpu")).values
    assert values[1] == pytest.approx(0.0, abs=1e-12)
    assert min(values[0], values[2]) > 0.01


class _Residual(nn.Module):
    """A block whose feed-forward is linear with a bias, and whose attention adds nothing."""

    def __init__(self, weight: list[list[float]], bias: list[float]) -> None:
        super().__init__()
        self.feed = nn.Linear(3, 3)
        self.feed.weight.data = torch.tensor(weight)
        self.feed.bias.data = torch.tensor(bias)
        # A list as long as the model's, as in a mixture with as many experts as layers.
        self.experts = nn.ModuleList(nn.Linear(9, 9) for _ in range(3))

    def forward(self, hidden_states: torch.Tensor) -> torch.Tensor:
        return hidden_states + self.feed(hidden_states)


class _Theorem(nn.Module):
    """The construction of the relevance paper (2605.14075), appendix B."""

    def __init__(self, delta: float, big: float) -> None:
        super().__init__()
        self.config = SimpleNamespace(num_hidden_layers=3)
        zero = [[0.0] * 3] * 3
        gain = [[0.0] * 3, [0.0] * 3, [0.0] * 3]
        gain[0] = [big, 0.0, 0.0]
        self.blocks = nn.ModuleList(
            [
                _Residual(zero, [0.0, 0.0, big]),
                _Residual(zero, [delta, 0.0, 0.0]),
                _Residual(gain, [0.0, 0.0, -big]),
            ]
        )

    def forward(
        self, inputs_embeds: torch.Tensor, attention_mask: torch.Tensor, without: int | None = None
    ) -> torch.Tensor:
        state = inputs_embeds
        for number, block in enumerate(self.blocks):
            if number != without:
                state = block(hidden_states=state)
        return state

    def accuracy(self, batch: dict[str, Any], without: int | None = None) -> float:
        """Class 0 if the last token's first coordinate exceeds the second; all labels are 0."""
        last = self(**batch, without=without)[:, -1]
        return float((last[:, 0] > last[:, 1]).double().mean())


@pytest.mark.parametrize(("delta", "big"), [(0.1, 10.0), (0.5, 4.0), (0.01, 1000.0)])
def test_theorem_the_least_influential_block_can_decide_everything(
    delta: float, big: float
) -> None:
    model = _Theorem(delta, big).double()
    embedded = torch.tensor([0.0, delta, 0.0], dtype=torch.float64).expand(4, 6, 3)
    batch = {"inputs_embeds": embedded, "attention_mask": torch.ones(4, 6, dtype=torch.long)}
    values = block_influence(model, [batch]).values
    both = math.sqrt(2 * delta**2 + big**2)
    expected = [
        1 - delta / math.sqrt(delta**2 + big**2),
        1 - math.sqrt(delta**2 + big**2) / both,
        1 - delta * (big + 2) / (both * math.sqrt((big + 1) ** 2 + 1)),
    ]
    # The weights were float32 before they became float64.
    assert values == pytest.approx(expected, abs=1e-7)
    assert values.index(min(values)) == 1
    assert model.accuracy(batch) == 1.0
    assert model.accuracy(batch, without=1) == 0.0


def _short_of_memory(model: Any, most: int) -> None:
    """Let the model fail as a GPU does when more than `most` texts come at once."""

    def refuse(module: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        if len(kwargs["input_ids"]) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    model.base_model.register_forward_pre_hook(refuse, with_kwargs=True)


def test_out_of_memory_halves_the_batch_and_changes_no_number() -> None:
    model = tiny.build("llama")
    expected = block_influence(model, make_batches(_encoded(), 8, "cpu"))
    _short_of_memory(model, most=2)
    said: list[int] = []
    found = block_influence(model, make_batches(_encoded(), 8, "cpu"), on_halving=said.append)
    assert said == [4, 2]
    assert found.n_tokens == expected.n_tokens
    assert found.values == pytest.approx(expected.values, abs=1e-6)


def test_one_text_too_large_for_the_memory_is_an_error() -> None:
    model = tiny.build("llama")
    _short_of_memory(model, most=0)
    with pytest.raises(DeviceError, match="30 tokens"):
        block_influence(model, make_batches(_encoded(), 8, "cpu"))


def test_models_without_separate_decoder_layers_are_refused() -> None:
    model = _Theorem(0.1, 10.0)
    batch = {"inputs_embeds": torch.ones(1, 2, 3), "attention_mask": torch.ones(1, 2)}
    model.blocks[2] = model.blocks[0]
    with pytest.raises(ModelError, match="more than once"):
        block_influence(model, [batch])
    model.config = SimpleNamespace(num_hidden_layers=5)
    with pytest.raises(ModelError, match="5 layers"):
        find_decoder_layers(model)
    model.config = SimpleNamespace(num_hidden_layers=3, is_encoder_decoder=True)
    with pytest.raises(ModelError, match="encoder-decoder"):
        find_decoder_layers(model)
