"""Packed prompts score as each does alone, on every architecture, however they overlap."""

from typing import Any

import numpy as np
import pytest
import torch

from gpu_jobs.errors import ModelError
from gpu_jobs.language_model import LanguageModel
from gpu_jobs.packing import Request, pack
from gpu_jobs.surgery import removed
from tests.gpu_jobs import tiny

#: Positions are counted in the row, or attention reaches 8 tokens only.
_ALONE = {"bloom", "mistral", "gemma3_text"}


def _requests(seed: int, count: int, longest: int = 12) -> list[tuple[None, list[int], list[int]]]:
    """Return prompts and answers that begin alike in many ways."""
    draw = np.random.default_rng(seed)
    common = draw.integers(2, tiny.VOCABULARY, 14).tolist()
    found: list[tuple[None, list[int], list[int]]] = []
    for _ in range(count):
        own = draw.integers(2, 5, draw.integers(0, longest)).tolist()
        answer = draw.integers(2, 5, draw.integers(1, 5)).tolist()
        found.append((None, [*common[: draw.integers(1, 14)], *own], answer))
    return [*found, *found[:2]]


def _expected(model: Any, prompt: list[int], answer: list[int]) -> tuple[float, bool]:
    with torch.no_grad():
        logits = model(torch.tensor([[*prompt, *answer]])).logits[0, len(prompt) - 1 : -1]
    said = logits.log_softmax(dim=-1)[range(len(answer)), answer]
    return float(said.sum()), logits.argmax(dim=-1).tolist() == answer


def _scores(wrapped: LanguageModel, requests: Any) -> list[tuple[float, bool]]:
    with torch.inference_mode():
        return wrapped._loglikelihood_tokens(requests)


@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_scores_are_those_of_each_sequence_alone(architecture: str) -> None:
    model = tiny.build(architecture).eval()
    wrapped = LanguageModel(model, tiny.tokenizer(), batch_size=7)
    requests = _requests(1, 30)
    for layers in ((), (1,)):
        with removed(model, layers):
            found = _scores(wrapped, requests)
            expected = [_expected(model, prompt, answer) for _, prompt, answer in requests]
        assert [value for value, _ in found] == pytest.approx([v for v, _ in expected], rel=1e-4)
        assert [greedy for _, greedy in found] == [greedy for _, greedy in expected]
    assert (wrapped._right_to > 0) == (architecture not in _ALONE)


def test_a_window_of_attention_is_kept_to() -> None:
    """Rows are shared as far as the window reaches, and no further."""
    model = tiny.build("mistral", sliding_window=20).eval()
    wrapped = LanguageModel(model, tiny.tokenizer(), batch_size=64)
    short = [r for r in _requests(2, 30) if len(r[1]) + len(r[2]) < 18]
    long = _requests(3, 30, longest=30)
    for requests in (short, long, short):
        found = [value for value, _ in _scores(wrapped, requests)]
        assert found == pytest.approx([_expected(model, p, a)[0] for _, p, a in requests], rel=1e-4)
    assert 0 < wrapped._right_to < 20 < wrapped._wrong_from


@pytest.mark.parametrize("seed", range(20))
def test_rows_hold_every_request_and_no_beginning_twice(seed: int) -> None:
    requests = [
        Request(number, tuple(prompt), tuple(answer))
        for number, (_, prompt, answer) in enumerate(_requests(seed, 40))
    ]
    for share in (True, False):
        rows = pack(requests, share)
        numbers = [request.number for row in rows for request in row.requests]
        assert sorted(numbers) == list(range(len(requests)))
        for row in rows:
            attended = row.attended()
            for request, path in zip(row.requests, row.paths, strict=True):
                assert tuple(row.tokens[path].tolist()) == request.read
                assert row.depths[path].tolist() == list(range(len(path)))
                # The last token sees its own way from the root and nothing else.
                assert np.flatnonzero(attended[path[-1]]).tolist() == sorted(path.tolist())
            ways = {tuple(row.tokens[np.flatnonzero(line)].tolist()) for line in attended}
            assert len(ways) == len(row.tokens)
            assert share or row.is_plain
    shared = sum(len(row.tokens) for row in pack(requests))
    assert shared < 0.8 * sum(len(request.read) for request in requests)


def test_the_end_of_a_long_prompt_is_kept() -> None:
    model = tiny.build("llama").eval()
    wrapped = LanguageModel(model, tiny.tokenizer(), batch_size=4, max_length=9)
    requests = [(None, list(range(2, 30)), [5, 6]), (None, list(range(2, 30)), [7])]
    expected = [_expected(model, list(range(22, 30)), [5, 6])[0]]
    expected.append(_expected(model, list(range(21, 30)), [7])[0])
    assert [v for v, _ in _scores(wrapped, requests)] == pytest.approx(expected, rel=1e-4)
    assert wrapped.n_cut == 2


def test_numbers_that_are_none_are_refused_however_they_are_packed() -> None:
    model = tiny.build("llama").eval()
    model.model.layers[1].mlp.up_proj.weight.data[0, 0] = float("nan")
    with pytest.raises(ModelError, match="log-likelihood is no number"):
        _scores(LanguageModel(model, tiny.tokenizer(), batch_size=4), _requests(1, 9))
