"""One walk gives what each removal gives by itself, on every architecture."""

from typing import Any

import pytest
import torch

from gpu_jobs.heads import read
from gpu_jobs.layer_walk import walk
from gpu_jobs.packing import Request, pack
from gpu_jobs.scoring import batch_of
from gpu_jobs.surgery import removed
from tests.gpu_jobs import tiny


def _logits(model: Any, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    logits: torch.Tensor = model(**inputs).logits
    return logits


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_a_walk_is_every_removal(architecture: str, rows: int) -> None:
    model = tiny.build(architecture, num_hidden_layers=5).eval()
    tokens = torch.randint(
        2, tiny.VOCABULARY, (rows, 11), generator=torch.Generator().manual_seed(1)
    )
    inputs = {"input_ids": tokens}
    for gone in ((), (2,)):
        with torch.no_grad(), removed(model, gone):
            hidden, head = walk(model, inputs)
            found = [head(states.flatten(0, 1)) for states in hidden]
            plain, _ = read(model, inputs)
            assert torch.allclose(hidden[0], plain, atol=1e-5)
            expected = [_logits(model, inputs).flatten(0, 1)]
            for layer in range(5 - len(gone)):
                with removed(model, (layer,)):
                    expected.append(_logits(model, inputs).flatten(0, 1))
        assert len(found) == len(expected) == 6 - len(gone)
        for one, other in zip(found, expected, strict=True):
            assert torch.allclose(one, other, rtol=1e-4, atol=1e-4)
    # Nothing of the walk is left behind.
    assert all("forward" not in vars(module) for module in model.modules())


def test_some_layers_of_packed_rows() -> None:
    model = tiny.build("llama", num_hidden_layers=6).eval()
    requests = [Request(n, (5, 6, 7, n % 3), (9, 8, n)) for n in range(3, 9)]
    batch = batch_of(pack(requests), model.device, torch.float32)
    with torch.no_grad():
        hidden, _ = walk(model, batch.inputs, removed=[4, 1])
        for states, layers in zip(hidden, ((), (1,), (4,)), strict=True):
            with removed(model, layers):
                expected, _ = read(model, batch.inputs)
            places = batch.row, batch.position
            assert torch.allclose(states[places], expected[places], atol=1e-5)
