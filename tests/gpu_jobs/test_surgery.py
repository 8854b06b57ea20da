"""Layers taken out: the model is the one that has fewer layers, and afterwards as it was."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, Gemma3Config
from transformers import AutoModelForImageTextToText as WithImages

from gpu_jobs.errors import ModelError, OutputError
from gpu_jobs.sources import Source, locate
from gpu_jobs.surgery import check_layers, parse_layers, removed, save_pruned
from tests.gpu_jobs import tiny

N_LAYERS = 6
REMOVED = (1, 2, 4)
KEPT = (0, 3, 5)
IDS = torch.tensor([[5, 9, 200, 31, 17, 80, 2, 44, 101, 7, 63, 12]])

_MIXED = ["sliding_attention", "full_attention"] * 3
#: A case to its model type, its settings, and those that the kept layers have.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    **{name: (name, {}, {}) for name in tiny.ARCHITECTURES if name != "gemma3_text"},
    "gemma3_text": (
        "gemma3_text",
        {"layer_types": _MIXED},
        {"layer_types": ["sliding_attention", "full_attention", "full_attention"]},
    ),
    "qwen2, sliding from layer 3": (
        "qwen2",
        {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 3},
        {"layer_types": ["full_attention", "sliding_attention", "sliding_attention"]},
    ),
    "qwen3_moe, some layers dense": (
        "qwen3_moe",
        {"mlp_only_layers": [0, 2, 5]},
        {"mlp_only_layers": [0, 2]},
    ),
    "smollm3, some layers without rotation": (
        "smollm3",
        {"no_rope_layers": [1, 0, 1, 0, 1, 1]},
        {"no_rope_layers": [1, 0, 1]},
    ),
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Sums over experts differ in their last bits when several threads make them."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def build(case: str) -> Any:
    """Return the whole model of a case."""
    model_type, settings, _ = CASES[case]
    return tiny.build(model_type, num_hidden_layers=N_LAYERS, **settings).eval()


def fewer(case: str, whole: Any) -> Any:
    """Return the same thing made another way: built small, with the kept layers' weights."""
    model_type, settings, kept_settings = CASES[case]
    small = {**settings, **kept_settings, "num_hidden_layers": len(KEPT)}
    model = tiny.build(model_type, seed=1, **small).eval()
    model.load_state_dict(_renumbered(whole.state_dict(), KEPT))
    return model


def _renumbered(weights: dict[str, torch.Tensor], kept: Sequence[int]) -> dict[str, torch.Tensor]:
    found = {}
    for name, weight in weights.items():
        match = re.match(r"(.*?\.(?:layers|h)\.)(\d+)(\..*)", name)
        if not match:
            found[name] = weight
        elif int(match[2]) in kept:
            found[f"{match[1]}{kept.index(int(match[2]))}{match[3]}"] = weight
    return found


def logits(model: Any) -> torch.Tensor:
    """Return the logits of the sample ids."""
    with torch.no_grad():
        found: torch.Tensor = model(input_ids=IDS, use_cache=False).logits
    return found


def generated(model: Any, use_cache: bool) -> list[int]:
    """Return the ids that the model goes on with."""
    out = model.generate(
        input_ids=IDS,
        attention_mask=torch.ones_like(IDS),
        max_new_tokens=12,
        do_sample=False,
        use_cache=use_cache,
        eos_token_id=None,
        pad_token_id=1,
    )
    found: list[int] = out[0].tolist()
    return found


@pytest.mark.parametrize("case", CASES)
def test_a_model_without_layers_is_the_model_built_without_them(case: str, tmp_path: Path) -> None:
    model = build(case)
    before, settings = logits(model), model.config.to_dict()
    cached = generated(model, use_cache=True)
    storage = {name: weight.data_ptr() for name, weight in model.named_parameters()}
    random = torch.get_rng_state()

    expected = fewer(case, model)
    torch.set_rng_state(random)
    with removed(model, REMOVED):
        assert torch.equal(logits(model), logits(expected))
        assert not torch.allclose(logits(model), before)
        assert generated(model, use_cache=True) == generated(model, use_cache=False)
        assert {w.data_ptr() for w in model.parameters()} <= set(storage.values())
    assert torch.equal(torch.get_rng_state(), random)

    assert torch.equal(logits(model), before)
    assert generated(model, use_cache=True) == cached
    assert model.config.to_dict() == settings
    assert {name: weight.data_ptr() for name, weight in model.named_parameters()} == storage

    with removed(model, REMOVED):
        model.save_pretrained(tmp_path / "inside")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "inside").eval()
    assert again.config.num_hidden_layers == len(KEPT)
    assert torch.equal(logits(again), logits(expected))
    assert generated(again, use_cache=True) == generated(expected, use_cache=True)


def test_the_text_part_of_a_model_with_images_can_lose_layers() -> None:
    text = {**tiny.ARCHITECTURES["gemma3_text"][0], "num_hidden_layers": N_LAYERS}
    vision = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": N_LAYERS}
    vision |= {"num_attention_heads": 2, "image_size": 28, "patch_size": 14}
    settings = Gemma3Config(
        text_config={**text, "layer_types": _MIXED}, vision_config=vision, mm_tokens_per_image=4
    )
    torch.manual_seed(0)
    model = WithImages.from_config(settings, dtype=torch.float32).eval()
    before = logits(model)
    with removed(model, REMOVED) as removal:
        assert removal.n_layers == N_LAYERS
        assert model.config.text_config.layer_types == CASES["gemma3_text"][2]["layer_types"]
        assert len(model.model.vision_tower.encoder.layers) == N_LAYERS
        assert generated(model, use_cache=True) == generated(model, use_cache=False)
    assert torch.equal(logits(model), before)


def test_blocks_nest_and_an_error_inside_changes_nothing() -> None:
    model = build("llama")
    before, settings = logits(model), model.config.to_dict()
    with removed(model, REMOVED) as removal:
        expected = logits(model)
        counted = sum(weight.numel() for weight in model.parameters())
    assert removal.layers == REMOVED
    assert removal.n_parameters - removal.n_removed_parameters == counted

    with pytest.raises(RuntimeError, match="inside"), removed(model, [4]):
        with removed(model, [2]), removed(model, []), removed(model, [1]):
            assert torch.equal(logits(model), expected)
        assert model.config.num_hidden_layers == N_LAYERS - 1
        with removed(model, [0, 3]):
            raise RuntimeError("inside")
    assert torch.equal(logits(model), before)
    assert model.config.to_dict() == settings


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ([6], "no layer 6: the model has 6 layers, so give numbers from 0 to 5"),
        ([-1], "no layer -1"),
        ([2, 1, 2], "Layer 2 is named twice"),
        (range(6), "All 6 layers would be removed"),
    ],
)
def test_wrong_numbers_are_refused(layers: Sequence[int], words: str) -> None:
    model = build("llama")
    with pytest.raises(ModelError, match=words), removed(model, layers):
        raise AssertionError
    assert len(model.model.layers) == N_LAYERS
    with pytest.raises(ModelError, match=words):
        check_layers(layers, N_LAYERS)


def test_layers_are_named_in_text() -> None:
    assert parse_layers("21-29") == tuple(range(21, 30))
    assert parse_layers("3 5 8") == (3, 5, 8)
    assert parse_layers(" 8-10, 3,5 ") == (3, 5, 8, 9, 10)
    for wrong in ("", "3-", "-3", "5-3", "a", "1.5", "1 - 3"):
        with pytest.raises(ModelError, match="names no layers"):
            parse_layers(wrong)
    with pytest.raises(ModelError, match="Layer 4 is named twice"):
        parse_layers("2-4,4")


def test_layers_whose_state_depends_on_their_place_are_refused() -> None:
    scaled = tiny.build("gpt2", scale_attn_by_inverse_layer_idx=True)
    every_second = tiny.build("qwen3_moe", num_hidden_layers=N_LAYERS, decoder_sparse_step=2)
    decaying = tiny.build("minimax", num_local_experts=2, head_dim=8)
    for model, words in (
        (scaled, r"layer 1 would differ as layer 0 \(attn.scaling\)"),
        (every_second, "layer 1 would differ as layer 0"),
        (decaying, "would differ"),
    ):
        settings, weights = model.config.to_dict(), len(list(model.parameters()))
        with pytest.raises(ModelError, match=words), removed(model, [0]):
            raise AssertionError
        assert model.config.to_dict() == settings
        assert len(list(model.parameters())) == weights
    # The last one moves no other.
    with removed(scaled, [2]):
        assert scaled.config.n_layer == 2


def test_layers_that_are_not_separate_are_refused() -> None:
    shared = build("llama")
    shared.model.layers[3].mlp.up_proj.weight = shared.model.layers[1].mlp.up_proj.weight
    with pytest.raises(ModelError, match="Layers 1 and 3 of"), removed(shared, [1]):
        raise AssertionError
    twice = build("llama")
    twice.model.layers[3] = twice.model.layers[1]
    with pytest.raises(ModelError, match="Layers 1 and 3 of"), removed(twice, [0]):
        raise AssertionError
    borrowed = build("llama")
    borrowed.model.norm.weight = borrowed.model.layers[2].input_layernorm.weight
    with pytest.raises(ModelError, match="shares weights with layer 2"), removed(borrowed, [2]):
        raise AssertionError
    wrapped = torch.nn.Sequential(build("llama"))
    with pytest.raises(ModelError, match="no plain transformers model"), removed(wrapped, [2]):
        raise AssertionError


def test_a_saved_model_says_where_it_comes_from(tmp_path: Path) -> None:
    whole = tiny.save(build("gemma3_text"), tmp_path / "whole")
    model, source = (
        AutoModelForCausalLM.from_pretrained(whole),
        locate(str(whole), None, None, False),
    )
    with removed(model, REMOVED):
        expected = logits(model.eval())
    folder = tmp_path / "new" / "pruned"
    tokenizer = AutoTokenizer.from_pretrained(whole)
    removal = save_pruned(model, tokenizer, folder, REMOVED, source, "lowest block influence")
    assert removal.layers == REMOVED
    again = AutoModelForCausalLM.from_pretrained(folder).eval()
    assert torch.equal(logits(again), expected)
    assert AutoTokenizer.from_pretrained(folder)("mouth") == tokenizer("mouth")
    card = (folder / "README.md").read_text()
    assert card.startswith("---\nlibrary_name: transformers\ntags:\n- layer-pruning\n---\n")
    for said in ("| removed layers, from 0 | 1 2 4 |", "lowest block influence", "safetensors"):
        assert said in card
    assert source.weights_sha256() in card
    texts = [path for path in folder.iterdir() if path.suffix in (".json", ".md")]
    assert not [path.name for path in texts if str(tmp_path) in path.read_text()]
    assert len(model.model.layers) == N_LAYERS

    with pytest.raises(OutputError, match="not empty"):
        save_pruned(model, tokenizer, folder, [0], source)
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(folder).eval()), expected)


def test_a_save_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = tmp_path / "weights"
    weights.write_bytes(b"as they were")
    source = Source("someone/Tiny", "abc", tmp_path, (weights,), "gguf:Q4_1")
    tokenizer = tiny.tokenizer()

    def full(self: object, *args: object, **kwargs: object) -> None:
        raise OSError("broken")

    with monkeypatch.context() as patched:
        patched.setattr(type(tokenizer), "save_pretrained", full)
        with pytest.raises(OSError, match="broken"):
            save_pruned(build("llama"), tokenizer, tmp_path / "pruned", [1], source)
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    (tmp_path / "pruned").mkdir()
    save_pruned(build("llama"), tokenizer, tmp_path / "pruned", [1], source)
    card = (tmp_path / "pruned" / "README.md").read_text()
    assert "base_model: someone/Tiny\n" in card
    assert "| weights | 4-bit GGUF (Q4_1), stored here as float32 |" in card
    assert "| revision | abc |" in card
    config = json.loads((tmp_path / "pruned" / "config.json").read_text())
    assert (
        config["num_hidden_layers"]
        == AutoConfig.from_pretrained(tmp_path / "pruned").num_hidden_layers
        == 5
    )
