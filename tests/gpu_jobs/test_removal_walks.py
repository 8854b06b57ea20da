"""Removals within small budgets of tokens and memory say what each says by itself."""

from typing import Any

import numpy as np
import pytest
import torch

from gpu_jobs.layer_walk import Work
from gpu_jobs.packing import Family, Request, families, pack
from gpu_jobs.prefixes import prefix_bytes
from gpu_jobs.removal_walks import Limits, can_walk, variants
from tests.gpu_jobs import tiny

N_LAYERS = 5
#: Bytes that hold keys and values of two variants of 80 tokens, and hardly anything else.
_SMALL = 110_000
#: Positions are counted in the row, or attention reaches 8 tokens only: one sequence a row.
_ALONE = {"bloom", "mistral", "gemma3_text"}


def _requests(n_questions: int) -> list[Request]:
    """Return questions behind the same examples, with three answers each."""
    draw = np.random.default_rng(5)
    examples = draw.integers(2, tiny.VOCABULARY, 80).tolist()
    found: list[Request] = []
    for _ in range(n_questions):
        question = draw.integers(2, 9, draw.integers(3, 8)).tolist()
        for _ in range(3):
            answer = draw.integers(2, 9, draw.integers(1, 4)).tolist()
            found.append(Request(len(found), (*examples, *question), tuple(answer)))
    return found


def _logits(
    model: Any, found: list[Family], limits: Limits, work: Work | None = None
) -> dict[tuple[int, int | None], torch.Tensor]:
    """Return logits by request and removed layer."""
    made = {}
    with torch.inference_mode():
        for family in found:
            for said in variants(model, family, range(N_LAYERS), limits, work or Work()):
                logits = said.head(said.hidden)[said.batch.place]
                lengths = said.batch.summed(torch.ones_like(said.batch.answer)).tolist()
                for number, part in zip(said.batch.numbers, logits.split(lengths), strict=True):
                    made[number, said.layer] = part
    return made


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_rows_behind_a_prefix_are_whole_rows(architecture: str) -> None:
    model = tiny.build(architecture, num_hidden_layers=N_LAYERS, max_position_embeddings=128).eval()
    requests = _requests(4)
    assert can_walk(model)
    shares = architecture not in _ALONE
    found = families(requests, 50, 1000, shares)
    assert [len(family.prefix) for family in found] == [80]
    size = prefix_bytes(model, found[0])
    assert size > 0
    assert (prefix_bytes(model, families(requests, 50, 1000)[0]) > 0) == shares
    plain = Limits(500, shared_layers=False, shared_tokens=False)
    expected = _logits(model, plain.families(requests, 6), plain)
    told: list[int] = []
    # All at once; in parties, from kept hidden states; in parties, each from the beginning.
    for tokens, memory in ((10**5, 10**9), (170, 10**9), (170, size * 170)):
        limits = Limits(tokens, memory, size, shared_tokens=shares, short_of_memory=told.append)
        made = _logits(model, families(requests, 50, 1000, shares), limits)
        assert made.keys() == expected.keys()
        for key, logits in expected.items():
            assert torch.allclose(made[key], logits, rtol=1e-3, atol=1e-3)
    assert len(told) == 1


def test_budgets_hold_and_cost_little() -> None:
    model = tiny.build("llama", num_hidden_layers=N_LAYERS, max_position_embeddings=128).eval()
    most: list[int] = []
    for layer in model.model.layers:
        layer.mlp.register_forward_hook(
            lambda module, args, output: most.append(output.shape[:-1].numel())
        )
    work = {}
    for tokens, memory in ((10**5, 10**9), (200, 10**9), (200, _SMALL)):
        for n_questions in (10, 20):
            most.clear()
            limits, done = Limits(tokens, memory, 640), Work()
            _logits(model, families(_requests(n_questions), 50, 1000), limits, done)
            assert max(most) <= tokens
            assert sum(most) == done.layer_tokens
            work[tokens, memory, n_questions] = done.layer_tokens
    # More questions bring their own tokens to 15 passes through layers, and padding.
    assert work[200, 10**9, 20] - work[200, 10**9, 10] < 1.5 * 15 * _own(20, 10)
    # Keeping what enters the layers makes parties cost what all at once does.
    assert work[200, 10**9, 20] <= 1.1 * work[10**5, 10**9, 20] < work[200, _SMALL, 20]


def _own(n_questions: int, less: int) -> int:
    """Return the tokens behind the examples that more questions bring."""
    sizes = [
        sum(len(row.tokens) for family in families(_requests(n), 50, 1000) for row in family.rows)
        for n in (n_questions, less)
    ]
    return sizes[0] - sizes[1]


@pytest.mark.parametrize("share", [True, False])
def test_families_hold_every_request(share: bool) -> None:
    requests = [*_requests(5), *(Request(15 + n, (n, 7, 8), (n, 4)) for n in range(4))]
    found = families(requests, 50, 1000, share)
    assert [len(family.prefix) for family in found] == [80, 0]
    read = {
        request.number: (*family.prefix, *row.tokens[path].tolist())
        for family in found
        for row in family.rows
        for request, path in zip(row.requests, row.paths, strict=True)
    }
    assert read == {request.number: request.read for request in requests}
    # Too short a beginning, too few tokens, and a beginning that is cut.
    assert [len(one.prefix) for one in families(requests, 10**4, 1000, share)] == [0]
    assert [len(one.prefix) for one in families(requests, 50, 63, share)] == [0]
    assert [len(one.prefix) for one in families(requests, 50, 70, share)] == [70, 0]


def test_answers_to_one_long_prompt_are_one_row() -> None:
    prompt = tuple(range(3000))
    requests = [Request(n, prompt, (n,)) for n in range(4)]
    for share in (True, False):
        (row,) = pack(requests, share)
        assert len(row.tokens) == 3000
