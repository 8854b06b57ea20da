"""Gradients, their norms and the wiring of layers against slow references in float64."""

import math
from typing import Any

import pytest
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM

from gpu_jobs.errors import DeviceError, ModelError
from gpu_jobs.finetuning import Finetuning, Recipe
from gpu_jobs.gradient_norms import norms_of_gradients
from gpu_jobs.layer_gradients import layer_gradients
from gpu_jobs.losses import response_loss
from gpu_jobs.matrices import KINDS, find_matrices
from gpu_jobs.norms import norms_of, singular_values
from gpu_jobs.pair_batches import make_batch
from gpu_jobs.pairs import Sample
from tests.gpu_jobs import tiny

#: Model type, changes to its configuration, and where each matrix lies in a layer: the name of the
#: weight, and how its rows are taken, by heads (a group of q, k and v rows each) or as blocks.
_LLAMA = {
    **{kind: (f"self_attn.{kind}_proj.weight", "all") for kind in "qkvo"},
    **{kind: (f"mlp.{kind}_proj.weight", "all") for kind in ("gate", "up", "down")},
}
_EXPERTS = {
    **{kind: _LLAMA[kind] for kind in "qkvo"},
    "gate": ("mlp.experts.gate_up_proj", "first half"),
    "up": ("mlp.experts.gate_up_proj", "second half"),
    "down": ("mlp.experts.down_proj", "all"),
}


def _fused(fused: str, out: str, up: str, down: str, layout: str) -> dict[str, tuple[str, str]]:
    return {
        **{kind: (fused, f"{layout} {kind}") for kind in "qkv"},
        "o": (out, "all"),
        "up": (up, "all"),
        "down": (down, "all"),
    }


_FALCON = (
    "self_attention.query_key_value.weight",
    "self_attention.dense.weight",
    "mlp.dense_h_to_4h.weight",
    "mlp.dense_4h_to_h.weight",
)
CASES: dict[str, tuple[str, dict[str, Any], dict[str, tuple[str, str]]]] = {
    "llama": ("llama", {}, _LLAMA),
    "gpt2": (
        "gpt2",
        {},
        _fused(
            "attn.c_attn.weight",
            "attn.c_proj.weight",
            "mlp.c_fc.weight",
            "mlp.c_proj.weight",
            "columns 4 4 4",
        ),
    ),
    "gpt_neox": (
        "gpt_neox",
        {},
        _fused(
            "attention.query_key_value.weight",
            "attention.dense.weight",
            *_FALCON[2:],
            "groups 1 1 1",
        ),
    ),
    "bloom": ("bloom", {}, _fused(*_FALCON, "groups 1 1 1")),
    "falcon one key": ("falcon", {}, _fused(*_FALCON, "rows 4 1 1")),
    "falcon many keys": ("falcon", {"multi_query": False}, _fused(*_FALCON, "groups 1 1 1")),
    "falcon grouped": (
        "falcon",
        {"new_decoder_architecture": True, "num_kv_heads": 2},
        _fused(*_FALCON, "groups 2 1 1"),
    ),
    "phi3": (
        "phi3",
        tiny.ARCHITECTURES["llama"][0],
        {
            **{kind: ("self_attn.qkv_proj.weight", f"rows 4 2 2 {kind}") for kind in "qkv"},
            "o": ("self_attn.o_proj.weight", "all"),
            "gate": ("mlp.gate_up_proj.weight", "first half"),
            "up": ("mlp.gate_up_proj.weight", "second half"),
            "down": ("mlp.down_proj.weight", "all"),
        },
    ),
    "mixtral": ("mixtral", {}, _EXPERTS),
    "qwen3_moe": ("qwen3_moe", {}, _EXPERTS),
}
_HEAD = 8


def _build(model_type: str, changes: dict[str, Any]) -> Any:
    torch.manual_seed(0)
    known = tiny.ARCHITECTURES.get(model_type, ({}, ""))[0]
    config = AutoConfig.for_model(model_type, **{**known, **changes})
    return AutoModelForCausalLM.from_config(
        config, dtype=torch.float64, experts_implementation="eager"
    ).train()


def _cut(gradient: torch.Tensor, rows: str) -> torch.Tensor:
    """Cut a matrix out of a weight as the case states it, shape (..., outputs, inputs)."""
    if rows == "all":
        return gradient
    if rows.endswith("half"):
        return gradient.chunk(2, dim=-2)[rows == "second half"]
    layout, *heads, kind = rows.split()
    if layout == "columns":
        gradient = gradient.T
    q, k, v = (int(count) * _HEAD for count in heads)
    at = "qkv".index(kind)
    start, end = sum((q, k, v)[:at]), sum((q, k, v)[: at + 1])
    if layout == "groups":
        grouped = gradient.reshape(-1, q + k + v, gradient.shape[-1])
        return grouped[:, start:end].flatten(0, 1)
    return gradient[start:end]


def _samples() -> list[Sample]:
    random = torch.Generator().manual_seed(1)
    sizes = ((12, 3), (5, 4), (20, 1), (9, 8), (7, 2))
    return [
        Sample(tuple(torch.randint(2, tiny.VOCABULARY, (n,), generator=random).tolist()), response)
        for n, response in sizes
    ]


def _loss(model: Any, sample: Sample) -> torch.Tensor:
    """Return the mean loss over response tokens, the slow way."""
    logits = model(input_ids=torch.tensor([sample.ids]), use_cache=False).logits[0]
    wanted = range(len(sample.ids) - sample.n_response, len(sample.ids))
    losses = [-logits[at - 1].log_softmax(-1)[sample.ids[at]] for at in wanted]
    return torch.stack(losses).mean()


@torch.no_grad()
def _total(model: Any, samples: list[Sample]) -> float:
    return sum(float(_loss(model, sample)) for sample in samples)


def _reference(model: Any, samples: list[Sample]) -> list[dict[str, torch.Tensor]]:
    """Return each sample's gradient by the name of the weight, each by its own backward pass."""
    model.eval()
    found = []
    for sample in samples:
        model.zero_grad()
        _loss(model, sample).backward()
        found.append({n: p.grad.clone() for n, p in model.named_parameters() if p.grad is not None})
    model.zero_grad()
    return found


@pytest.mark.parametrize("case", CASES)
def test_gradients_are_those_of_a_slow_float64_reference(case: str) -> None:
    model_type, changes, where = CASES[case]
    model, samples = _build(model_type, changes), _samples()
    each = _reference(model, samples)
    names = [n for n, _ in model.named_parameters() if n.endswith(where["o"][0])]
    prefixes = [name.removesuffix(where["o"][0]) for name in names]
    matrices = find_matrices(model)
    assert [(m.layer, m.kind) for m in matrices] == [
        (layer, kind) for layer in range(tiny.N_LAYERS) for kind in KINDS if kind in where
    ]
    found = [layer_gradients(model, matrices, samples, size) for size in (1, 3)]
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    order = sorted(range(len(samples)), key=lambda n: -len(samples[n].ids))
    for number, matrix in enumerate(matrices):
        weight, rows = where[matrix.kind]
        name = prefixes[matrix.layer] + weight
        grads = [_cut(gradients[name], rows) for gradients in each]
        values = torch.linalg.svdvals(sum(grads) / len(grads)).flatten()
        shares = values / values.sum()
        for result in found:
            norms = result[number].norms
            assert norms.nuclear == pytest.approx(float(values.sum()), rel=1e-6)
            assert norms.frobenius == pytest.approx(float(values.norm()), rel=1e-6)
            assert norms.spectral == pytest.approx(float(values.max()), rel=1e-6)
            entropy = -torch.xlogy(shares, shares).sum()
            assert norms.effective_rank == pytest.approx(float(entropy.exp()), rel=1e-5)
            expected = [float(torch.linalg.svdvals(grads[n]).sum()) for n in order]
            assert result[number].sample_norms == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("model_type", tiny.ARCHITECTURES)
def test_every_output_of_a_layers_weights_belongs_to_one_matrix(model_type: str) -> None:
    model = tiny.build(model_type)
    matrices = find_matrices(model)
    taken: dict[nn.Parameter, list[int]] = {}
    for matrix in matrices:
        for part in matrix.parts:
            outputs = part.outputs
            numbers = range(part.weight.shape[part.axis]) if outputs is None else outputs.tolist()
            taken.setdefault(part.weight, []).extend(numbers)
    for name, weight in model.base_model.named_parameters():
        is_linear = weight.dim() >= 2 and weight.shape[0] > tiny.N_LAYERS
        if ("layers." in name or ".h." in name) and (is_linear or weight.dim() == 3):
            size = max(taken[weight]) + 1
            assert sorted(taken[weight]) == list(range(size))
            assert size in weight.shape
    heads = (4 * _HEAD, (4, 2, 1))
    for matrix in matrices:
        (part,) = matrix.parts
        n = part.weight.shape[part.axis] if part.outputs is None else len(part.outputs)
        if matrix.kind in "qo":
            assert n == heads[0]
        elif matrix.kind in "kv":
            assert n in [_HEAD * count for count in heads[1]]


def test_prompt_tokens_are_read_and_not_predicted() -> None:
    model, samples = _build("llama", {}), _samples()
    model.eval()
    with torch.no_grad():
        losses = [float(response_loss(model, make_batch([sample], "cpu"))) for sample in samples]
        together = float(response_loss(model, make_batch(samples, "cpu")))
        expected = [float(_loss(model, sample)) for sample in samples]
    assert losses == pytest.approx(expected)
    assert together == pytest.approx(sum(losses))
    # A model that predicts each prompt token badly and each response token well has no loss.
    sample = Sample((5, 6, 7, 8, 9), 2)

    class Certain(nn.Module):
        def forward(self, input_ids: torch.Tensor, **_: Any) -> Any:
            logits = torch.zeros(1, 5, 12)
            for at, token in enumerate((1, 1, 8, 9)):
                logits[0, at, token] = 100.0
            return type("Output", (), {"logits": logits})

    assert float(response_loss(Certain(), make_batch([sample], "cpu"))) == pytest.approx(0.0)
    longer = Sample(sample.ids, 3)
    assert float(response_loss(Certain(), make_batch([longer], "cpu"))) == pytest.approx(100 / 3)


@pytest.mark.parametrize("shape", [(40, 17), (17, 40), (30, 30), (3, 20, 9)])
def test_singular_values_of_any_shape_and_decay(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    matrix = torch.randn(*shape, dtype=torch.float64)
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    falling = s * 10.0 ** -torch.linspace(0, 6, s.shape[-1])
    steep = (u * falling[..., None, :] @ v).float() * 1e-9
    exact = torch.linalg.svdvals(steep.double())
    assert torch.allclose(singular_values(steep).flip(-1), exact, rtol=0, atol=1e-7 * exact.max())
    assert norms_of(singular_values(steep)).nuclear == pytest.approx(float(exact.sum()), rel=1e-6)
    zero = norms_of(singular_values(torch.zeros(shape)))
    assert (zero.nuclear, zero.frobenius, zero.spectral, zero.effective_rank) == (0, 0, 0, 0)
    eye = norms_of(singular_values(torch.eye(7) * 3))
    assert (eye.nuclear, eye.spectral, eye.effective_rank) == pytest.approx((21, 3, 7))


def test_out_of_memory_halves_the_batch_and_changes_no_number() -> None:
    model, samples = tiny.build("llama").double(), _samples()
    matrices = find_matrices(model)
    expected = layer_gradients(model, matrices, samples, 5)
    passes = 0

    def refuse(weight: nn.Parameter) -> None:
        # In the middle of a backward pass, when some gradients are there already.
        nonlocal passes
        passes += 1
        if passes == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.")

    weight = model.model.layers[1].mlp.up_proj.weight
    handle = weight.register_post_accumulate_grad_hook(refuse)
    said: list[int] = []
    found = layer_gradients(model, matrices, samples, 2, on_halving=said.append)
    assert said == [1]
    for one, other in zip(found, expected, strict=True):
        assert one.norms.nuclear == pytest.approx(other.norms.nuclear, rel=1e-6)
        assert one.sample_norms == pytest.approx(other.sample_norms, rel=1e-6)
    handle.remove()
    weight.register_post_accumulate_grad_hook(
        lambda _: (_ for _ in ()).throw(torch.OutOfMemoryError("CUDA out of memory."))
    )
    with pytest.raises(DeviceError, match="20 tokens"):
        layer_gradients(model, matrices, samples, 4)


def test_narrow_weights_sum_their_gradients_in_float32() -> None:
    model = tiny.build("llama").bfloat16()
    (once,) = [layer_gradients(model, find_matrices(model), _samples()[:1], 1)]
    many = layer_gradients(model, find_matrices(model), _samples()[:1] * 300, 1, per_sample=False)
    for one, other in zip(once, many, strict=True):
        assert one.norms.nuclear == pytest.approx(other.norms.nuclear, rel=0.02)
        assert other.sample_norms == []


def test_fine_tuning_is_repeatable_and_lowers_the_loss() -> None:
    samples = _samples()
    ends = []
    for optimizer, rate in (("adamw", 1e-3), ("adamw", 1e-3), ("sgd", 1e-2)):
        model = _build("llama", {})
        before = _total(model.eval(), samples)
        tuning = Finetuning(model, samples, Recipe(optimizer, rate, 2, 0))
        tuning.advance_to(5)
        halfway = _total(model, samples)
        tuning.advance_to(20)
        after = _total(model, samples)
        assert before > halfway > after
        ends.append((halfway, after))
    assert ends[0] == ends[1] != ends[2]


def test_models_without_softmax_attention_are_refused() -> None:
    config = AutoConfig.for_model(
        "mamba", vocab_size=264, hidden_size=32, num_hidden_layers=2, state_size=4
    )
    with pytest.raises(ModelError, match="layer 0"):
        find_matrices(AutoModelForCausalLM.from_config(config))
    model = tiny.build("llama")
    model.model.layers[1].mlp.gate_proj = model.model.layers[1].mlp.up_proj
    with pytest.raises(ModelError, match="more than once"):
        find_matrices(model)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -float("inf"), 3e38])
def test_gradients_that_are_no_numbers_are_refused_and_large_ones_are_not(number: float) -> None:
    matrices = find_matrices(tiny.build("llama"))
    sums = {p.weight: torch.ones_like(p.weight) for m in matrices for p in m.parts}
    (part, *_) = matrices[0].parts
    sums[part.weight][0, :2] = number
    if math.isfinite(number):
        found = norms_of_gradients(matrices, sums)[matrices[0]]
        assert found.spectral == pytest.approx(number * 2**0.5)
    else:
        with pytest.raises(ModelError, match="holds NaN or infinity"):
            norms_of_gradients(matrices, sums)
