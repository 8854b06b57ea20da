"""Tiny models, tokenizers and text sets, built on the spot."""

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

N_LAYERS = 3
VOCABULARY = 264

_COMMON: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": N_LAYERS,
    "num_attention_heads": 4,
    "max_position_embeddings": 64,
    "initializer_range": 0.3,
    "bos_token_id": 0,
    "eos_token_id": 1,
    "pad_token_id": None,
}
_WIDE = {**_COMMON, "intermediate_size": 48}
_GROUPED = {**_WIDE, "num_key_value_heads": 2}

#: Model type to its configuration and the name of the norm behind the last layer.
ARCHITECTURES: dict[str, tuple[dict[str, Any], str]] = {
    "llama": (_GROUPED, "model.norm"),
    "mistral": ({**_GROUPED, "sliding_window": 8}, "model.norm"),
    "qwen2": (_GROUPED, "model.norm"),
    "qwen3": ({**_GROUPED, "head_dim": 8}, "model.norm"),
    "gpt2": (_COMMON, "transformer.ln_f"),
    "gpt_neox": (_WIDE, "gpt_neox.final_layer_norm"),
    "opt": (
        {**_COMMON, "ffn_dim": 48, "word_embed_proj_dim": 32, "init_std": 0.3},
        "model.decoder.final_layer_norm",
    ),
    "bloom": (_COMMON, "transformer.ln_f"),
    "falcon": (_COMMON, "transformer.ln_f"),
    "phi": (_WIDE, "model.final_layernorm"),
    "gemma": ({**_GROUPED, "head_dim": 8}, "model.norm"),
    "gemma3_text": (
        {**_GROUPED, "head_dim": 8, "sliding_window": 8, "sliding_window_pattern": 2},
        "model.norm",
    ),
    "olmo2": (_GROUPED, "model.norm"),
    "stablelm": (_GROUPED, "model.norm"),
    "mixtral": (
        {**_GROUPED, "num_local_experts": N_LAYERS, "num_experts_per_tok": 2},
        "model.norm",
    ),
    "qwen3_moe": (
        {
            **_GROUPED,
            "head_dim": 8,
            "moe_intermediate_size": 24,
            "num_experts": N_LAYERS,
            "num_experts_per_tok": 2,
        },
        "model.norm",
    ),
}


def build(model_type: str, seed: int = 0, **settings: Any) -> Any:
    """Return a tiny causal language model with random weights, in training mode."""
    torch.manual_seed(seed)
    known = ARCHITECTURES.get(model_type, (_GROUPED, ""))[0]
    config = AutoConfig.for_model(model_type, **{**known, **settings})
    # The fast kernels for experts know no float64.
    return AutoModelForCausalLM.from_config(
        config, dtype=torch.float32, experts_implementation="eager"
    ).train()


def byte_tokens() -> list[str]:
    """Return a vocabulary that covers every text: two special tokens, each byte, one merge."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    return ["<s>", "</s>", *letters, "th"]


def tokenizer() -> PreTrainedTokenizerFast:
    """Return a byte-level tokenizer without a padding token."""
    vocabulary = {token: number for number, token in enumerate(byte_tokens())}
    inner = Tokenizer(models.BPE(vocab=vocabulary, merges=[("t", "h")]))
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=inner, bos_token="<s>", eos_token="</s>")


def save(model: Any, folder: Path) -> Path:
    """Save a model with the tokenizer as safetensors."""
    model.save_pretrained(folder)
    tokenizer().save_pretrained(folder)
    return folder


def write_texts(path: Path, texts: list[str]) -> Path:
    """Write a text set."""
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), "utf-8")
    return path


def reference(model: Any, encoded: list[list[int]], final_norm: str) -> list[float]:
    """Return equation 3 the slow way: text by text, no padding, float64 throughout.

    What enters each layer comes from the model's own list of hidden states. What leaves the
    last one is caught at the door of the norm behind it.
    """
    model = model.double().eval()
    caught: list[torch.Tensor] = []
    handle = model.get_submodule(final_norm).register_forward_pre_hook(
        lambda module, args: caught.append(args[0])
    )
    cosines: list[list[float]] = []
    with torch.no_grad():
        for ids in encoded:
            caught.clear()
            out = model(input_ids=torch.tensor([ids]), output_hidden_states=True, use_cache=False)
            states = [state[0] for state in out.hidden_states[:N_LAYERS]] + [caught[0][0]]
            for token in range(len(ids)):
                rows = [state[token].double() for state in states]
                cosines.append([float(a @ b / (a.norm() * b.norm())) for a, b in pairwise(rows)])
    handle.remove()
    return [1.0 - sum(column) / len(column) for column in zip(*cosines, strict=True)]
