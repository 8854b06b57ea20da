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
from gpu_jobs.surgery import removed
from gpu_jobs.texts import make_batches
from tests.gpu_jobs import theorem, tiny

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


def test_equation_3_by_hand() -> None:
    """Blocks of width 3: one turns (3, 4, 0) into (3, 0, 4), the next doubles what enters."""
    model = theorem.Theorem(theorem.Settings(num_hidden_layers=2)).double()
    first, second = model.blocks
    nn.init.zeros_(first.feed.bias)
    first.feed.weight.data = torch.tensor([[0, 0, 0], [0, -1, 0], [0, 1, 0]], dtype=torch.float64)
    nn.init.zeros_(second.feed.bias)
    second.feed.weight.data = torch.eye(3, dtype=torch.float64)
    # Of the second text only one token is real; padding would be far off.
    tokens = torch.tensor([[[3, 4, 0], [0, 2, 0]], [[5, 0, 0], [0, 9, 9]]], dtype=torch.float64)
    batch = {"inputs_embeds": tokens, "attention_mask": torch.tensor([[1, 1], [1, 0]])}
    # The cosines of the first block are 9 / 25, 0 and 1.
    assert block_influence(model, [batch]).values == pytest.approx([1 - 1.36 / 3, 0.0], abs=1e-12)


@pytest.mark.parametrize(("delta", "big"), [(0.1, 10.0), (0.5, 4.0), (0.01, 1000.0)])
def test_theorem_the_least_influential_block_can_decide_everything(
    delta: float, big: float
) -> None:
    model, batch = theorem.build(delta, big), theorem.batch(delta)
    values = block_influence(model, [batch]).values
    both = math.sqrt(2 * delta**2 + big**2)
    expected = [
        1 - delta / math.sqrt(delta**2 + big**2),
        1 - math.sqrt(delta**2 + big**2) / both,
        1 - delta * (big + 2) / (both * math.sqrt((big + 1) ** 2 + 1)),
    ]
    assert values == pytest.approx(expected, abs=1e-12)
    assert values.index(min(values)) == 1
    assert model.accuracy(batch) == 1.0
    with removed(model, [1]):
        assert model.accuracy(batch) == 0.0
    assert model.accuracy(batch) == 1.0


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
    model: Any = theorem.build(0.1, 10.0)
    model.blocks[2] = model.blocks[0]
    with pytest.raises(ModelError, match="more than once"):
        block_influence(model, [theorem.batch(0.1)])
    model.config = SimpleNamespace(num_hidden_layers=5)
    with pytest.raises(ModelError, match="5 layers"):
        find_decoder_layers(model)
    model.config = SimpleNamespace(num_hidden_layers=3, is_encoder_decoder=True)
    with pytest.raises(ModelError, match="encoder-decoder"):
        find_decoder_layers(model)
