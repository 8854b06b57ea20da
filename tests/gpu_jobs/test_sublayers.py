"""Attention or MLP alone is removed as if its last weights were zero, on every architecture."""

import copy
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
import torch

from gpu_jobs import criteria
from gpu_jobs.errors import ModelError
from gpu_jobs.items import of_texts
from gpu_jobs.layer_walk import Work, walk
from gpu_jobs.packing import families
from gpu_jobs.prefixes import prefix_bytes
from gpu_jobs.relevance import main
from gpu_jobs.removal_walks import Limits, can_walk, variants
from gpu_jobs.sublayers import SubLayers
from gpu_jobs.texts import TextSet
from tests.gpu_jobs import hub_data, tiny

N_LAYERS = 4
#: By model type, the names that the last weights of attention and MLP begin with.
ENDS = {
    "gpt2": ("attn.c_proj", "mlp.c_proj"),
    "gpt_neox": ("attention.dense", "mlp.dense_4h_to_h"),
    "opt": ("self_attn.out_proj", "fc2"),
    "bloom": ("self_attention.dense", "mlp.dense_4h_to_h"),
    "falcon": ("self_attention.dense", "mlp.dense_4h_to_h"),
    "phi": ("self_attn.dense", "mlp.fc2"),
    "mixtral": ("self_attn.o_proj", "mlp.experts.down_proj"),
    "qwen3_moe": ("self_attn.o_proj", "mlp.experts.down_proj"),
}
_USUAL = ("self_attn.o_proj", "mlp.down_proj")


def _zeroed(model: Any, architecture: str, unit: str, layer: int) -> Any:
    """Return a copy of the model in which the last weights of a unit are zero."""
    from gpu_jobs.layers import find_decoder_layers

    made = copy.deepcopy(model)
    end = ENDS.get(architecture, _USUAL)[unit == "mlp"]
    changed = 0
    for name, weight in find_decoder_layers(made)[layer].named_parameters():
        if name.startswith(end):
            weight.data.zero_()
            changed += 1
    assert changed
    return made


@pytest.mark.parametrize("unit", ["attention", "mlp"])
@pytest.mark.parametrize("architecture", tiny.ARCHITECTURES)
def test_a_walk_is_every_removal(architecture: str, unit: str) -> None:
    model = tiny.build(architecture, num_hidden_layers=N_LAYERS).eval()
    draw = torch.Generator().manual_seed(1)
    tokens = torch.randint(2, tiny.VOCABULARY, (2, 7), generator=draw)
    with torch.no_grad():
        before = model(tokens).logits
        parts = SubLayers(model, unit)
        assert can_walk(model, parts)
        hidden, head = walk(model, {"input_ids": tokens}, sublayers=parts)
        found = [head(states.flatten(0, 1)).view_as(before) for states in hidden]
        assert torch.allclose(found[0], before, rtol=1e-4, atol=1e-4)
        for layer in range(N_LAYERS):
            expected = _zeroed(model, architecture, unit, layer)(tokens).logits
            assert torch.allclose(found[1 + layer], expected, rtol=1e-4, atol=1e-4)
            with parts.without((layer,)):
                assert torch.allclose(model(tokens).logits, expected, rtol=1e-4, atol=1e-4)
        assert torch.equal(model(tokens).logits, before)
    assert not any(module._forward_hooks for module in model.modules())


def test_rows_behind_a_prefix_in_parties() -> None:
    from tests.gpu_jobs.test_removal_walks import _requests

    model = tiny.build("llama", num_hidden_layers=N_LAYERS, max_position_embeddings=128).eval()
    requests = _requests(4)
    (family,) = families(requests, 50, 1000)
    size = prefix_bytes(model, family)
    for unit in ("attention", "mlp"):
        parts = SubLayers(model, unit)
        limits = Limits(250, 10**9, size, sublayers=parts)
        with torch.inference_mode():
            said = list(variants(model, family, range(N_LAYERS), limits, Work()))
            for one in said:
                lacking = model if one.layer is None else _zeroed(model, "llama", unit, one.layer)
                logits = one.head(one.hidden)[one.batch.place]
                lengths = one.batch.summed(torch.ones_like(one.batch.answer)).tolist()
                parts_of = zip(one.batch.numbers, logits.split(lengths), strict=True)
                for number, part in parts_of:
                    ids = torch.tensor([requests[number].read])
                    expected = lacking(ids).logits[0, -len(part) :]
                    assert torch.allclose(part, expected, rtol=1e-3, atol=1e-3)
        assert {one.layer for one in said} == {None, 0, 1, 2, 3}


def test_cosines_and_taylor_sums_of_the_parts() -> None:
    model = tiny.build("llama", num_hidden_layers=N_LAYERS).eval()
    encoded = [tiny.tokenizer()(text)["input_ids"] for text in ("the sun and the moon", "grass")]
    items = of_texts("prose", TextSet(["", ""], [1, 2]), encoded, 0)
    attention, mlp = SubLayers(model, "attention"), SubLayers(model, "mlp")
    rows = criteria.instances(items, False, 64)
    by = [criteria.cosine(model, rows, lambda n: None, one).values for one in (attention, mlp)]
    states: list[torch.Tensor] = []
    handles = []
    for layer in model.model.layers:
        # What enters the layer, what enters the second norm, what leaves the layer.
        for module in (layer, layer.post_attention_layernorm):
            handles.append(
                module.register_forward_pre_hook(lambda module, args: states.append(args[0][0]))
            )
        handles.append(
            layer.register_forward_hook(lambda module, args, output: states.append(output[0]))
        )
    total = np.zeros((2, N_LAYERS))
    with torch.no_grad():
        for row in rows:
            states.clear()
            model.model(torch.from_numpy(row)[None])
            for layer in range(N_LAYERS):
                three = states[3 * layer : 3 * layer + 3]
                for part in (0, 1):
                    near = torch.cosine_similarity(three[part], three[part + 1], dim=-1)
                    total[part, layer] += float(1 - near.mean()) / len(rows)
    for handle in handles:
        handle.remove()
    np.testing.assert_allclose(by, total, atol=1e-5)
    sums = [
        np.asarray(criteria.taylor(model, items, 64, lambda n: None, one).values)
        for one in (attention, mlp, None)
    ]
    np.testing.assert_allclose(sums[0] + sums[1], sums[2], rtol=1e-6)
    names = {id(weight): name for name, weight in model.model.layers[1].named_parameters()}
    owned = {names[id(weight)].split(".")[0] for weight in attention.weights(1)}
    assert owned == {"self_attn", "input_layernorm"}


def test_layers_whose_parts_are_not_added_are_refused() -> None:
    model = tiny.build("opt", do_layer_norm_before=False).eval()
    with pytest.raises(ModelError, match=r"layer 0 of OPTForCausalLM .* use --unit block"):
        SubLayers(model, "mlp")


def test_the_program_removes_attention(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = tiny.build("llama", 7, num_hidden_layers=N_LAYERS, max_position_embeddings=512)
    folder = tiny.save(made, tmp_path / "tiny")
    texts = tiny.write_texts(tmp_path / "t.jsonl", ["the sun", "a stone", "grass grows there"])
    data = hub_data.write(tmp_path / "data")
    asked = ["--model", folder, "--device", "cpu", "--output", tmp_path / "out"]
    asked += ["--texts", texts, "--tasks", "truthfulqa", "--eval-data", data, "--unit", "attention"]
    asked += ["--criteria", "perplexity", "cosine", "taylor", "--share", 0.5]
    asked += ["--paths", "iterative"]
    assert main([str(one) for one in asked]) == 0
    maps = tmp_path / "out" / "layer_relevance" / "*.parquet"
    found = duckdb.sql(
        f"select criterion, step, layer, relevance, unit from '{maps}' where task = 't'"
    ).fetchall()
    assert {unit for *_, unit in found} == {"attention"}
    for criterion in ("perplexity", "cosine", "taylor"):
        first = [layer for name, step, layer, *_ in found if (name, step) == (criterion, 0)]
        later = [layer for name, step, layer, *_ in found if (name, step) == (criterion, 1)]
        assert sorted(first) == list(range(N_LAYERS))
        assert len(later) == N_LAYERS - 1
    model = made.eval()
    less = _zeroed(model, "llama", "attention", 2)
    ids = [torch.tensor([tiny.tokenizer()(t)["input_ids"]]) for t in ("the sun", "a stone")]
    ids.append(torch.tensor([tiny.tokenizer()("grass grows there")["input_ids"]]))
    with torch.no_grad():
        loss = [
            sum(float(m(i, labels=i).loss) * (i.shape[1] - 1) for i in ids) for m in (model, less)
        ]
    n_tokens = sum(i.shape[1] - 1 for i in ids)
    relevance = next(r for c, s, n, r, _ in found if (c, s, n) == ("perplexity", 0, 2))
    assert relevance == pytest.approx((loss[1] - loss[0]) / n_tokens, rel=1e-4)
    capsys.readouterr()
    assert main([str(one) for one in (*asked, "block")]) == 1
    assert "leave out --paths block, or --unit" in capsys.readouterr().err
