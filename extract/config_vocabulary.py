"""How transformers' classes spell the canonical fields, kept as data in one place."""

from typing import Any

#: Spellings of each field, the most specific first. A dotted name lies in a nested object. The
#: first one that a class writes and obeys is its key; names of a decoder come before the general
#: ones, which in a flat encoder-decoder speak of the encoder.
SPELLINGS: dict[str, tuple[str, ...]] = {
    "d_model": (
        "hidden_size",
        "d_model",
        "n_embd",
        "n_embed",
        "embed_dim",
        "emb_dim",
        "dim",
        "model_dim",
        "embedding_dim",
        "decoder_hidden_size",
    ),
    "d_ffn": (
        "decoder_ffn_dim",
        "intermediate_size",
        "n_inner",
        "ffn_dim",
        "d_ff",
        "dim_ff",
        "dff",
        "ffn_hidden_size",
        "feed_forward_size",
        "d_inner",
        "hidden_dim",
        "mlp_dim",
        "inner_dim",
    ),
    "heads": (
        "decoder_attention_heads",
        "num_decoder_attention_heads",
        "decoder_num_attention_heads",
        "num_attention_heads",
        "n_head",
        "n_heads",
        "num_heads",
        "attention_heads",
    ),
    "layers": (
        "decoder_layers",
        "num_decoder_layers",
        "decoder_num_hidden_layers",
        "num_hidden_layers",
        "n_layer",
        "n_layers",
        "num_layers",
        "layers",
        "num_blocks",
    ),
    "kv_heads": (
        "decoder_num_key_value_heads",
        "attn_config.kv_n_heads",
        "num_key_value_heads",
        "num_kv_heads",
        "n_head_kv",
        "num_attention_groups",
        "multi_query_group_num",
    ),
    "vocab_size": (
        "vocab_size",
        "padded_vocab_size",
        "decoder_vocab_size",
        "tgt_vocab_size",
        "n_words",
        "n_token",
    ),
    "pos": (
        "max_target_positions",
        "max_position_embeddings",
        "n_positions",
        "max_seq_len",
        "max_sequence_length",
        "max_seq_length",
        "seq_length",
        "model_max_length",
        "context_length",
    ),
    "head_dim": (
        "head_dim",
        "d_kv",
        "kv_channels",
        "attention_head_dim",
        "d_head",
        "dim_head",
        "attention_head_size",
        "decoder_head_dim",
    ),
    "experts": (
        "num_experts",
        "num_local_experts",
        "n_routed_experts",
        "moe_num_experts",
        "ffn_config.moe_num_experts",
    ),
    "active_experts": (
        "num_experts_per_tok",
        "num_experts_per_token",
        "moe_k",
        "moe_topk",
        "moe_top_k",
        "top_k_experts",
        "ffn_config.moe_top_k",
    ),
    "shared_experts": (
        "n_shared_experts",
        "num_shared_experts",
        "moe_num_shared_experts",
        "num_shared_expert",
    ),
    "dense_layers": ("first_k_dense_replace", "num_dense_layers", "moe_layer_start_index"),
    "moe_d_ffn": (
        "moe_intermediate_size",
        "expert_ffn_hidden_size",
        "expert_intermediate_size",
        "moe_hidden_size",
        "moe_ffn_hidden_size",
        "ffn_config.ffn_hidden_size",
    ),
    "shared_d_ffn": (
        "shared_expert_intermediate_size",
        "moe_shared_expert_intermediate_size",
        "shared_experts_intermediate_size",
        "shared_intermediate_size",
        "share_expert_dim",
    ),
    "q_lora_rank": ("q_lora_rank",),
    "kv_lora_rank": ("kv_lora_rank",),
    "qk_nope_head_dim": ("qk_nope_head_dim",),
    "qk_rope_head_dim": ("qk_rope_head_dim",),
    "v_head_dim": ("v_head_dim",),
    "tie_word_embeddings": ("tie_word_embeddings",),
    "attention_bias": (
        "attention_bias",
        "use_qkv_bias",
        "qkv_bias",
        "attn_bias",
        "use_bias",
        "enable_bias",
        "bias",
    ),
    "mlp_bias": (
        "mlp_bias",
        "use_mlp_bias",
        "add_bias_linear",
        "use_bias",
        "enable_bias",
        "bias",
    ),
}

SWITCHES = ("tie_word_embeddings", "attention_bias", "mlp_bias")

#: Classes whose names mislead: (model type, field) -> (spelling, reason).
OVERRIDES: dict[tuple[str, str], tuple[str, str]] = {
    ("llama4_text", "d_ffn"): (
        "intermediate_size_mlp",
        "intermediate_size is the experts' width here",
    ),
    ("llama4_text", "moe_d_ffn"): ("intermediate_size", "the experts' width"),
    ("minimax_m3_vl_text", "d_ffn"): (
        "dense_intermediate_size",
        "intermediate_size is the experts' width here",
    ),
    ("minimax_m3_vl_text", "moe_d_ffn"): ("intermediate_size", "the experts' width"),
    ("distilbert", "d_model"): ("dim", "hidden_dim is the feed-forward width"),
}

#: Rules that no probing finds: (model type, field) -> (rule, reason).
RULES: dict[tuple[str, str], tuple[str, str]] = {
    ("gpt_bigcode", "kv_heads"): (
        "multi_query ? 1 : heads",
        "no key states it; multi_query (true when absent) shares one key and value head",
    ),
    ("falcon", "kv_heads"): (
        "new_decoder_architecture ? num_kv_heads : multi_query ? 1 : heads",
        "num_kv_heads counts in the new architecture only; multi_query is true when absent",
    ),
}

#: What makes a class's default valid: model type -> arguments, and why.
REPAIRS: dict[str, dict[str, Any]] = {
    # Its default sub-config is one that its own validation refuses.
    "gemma4_assistant": {
        "text_config": {
            "model_type": "gemma4_text",
            "hidden_size_per_layer_input": 0,
            "vocab_size_per_layer_input": 0,
        }
    },
    # Its model reads a rope_theta that its default attention config lacks.
    "dbrx": {"attn_config": {"rope_theta": 10000.0}},
    # Its model reads one rotary setting for each kind of layer, which its default lacks.
    "cohere_compass_text": {
        "rope_parameters": {
            "full_attention": {"rope_type": "default", "rope_theta": 10000.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        }
    },
    # Its model reads a dropout_rate that its class does not know.
    "t5gemma2_decoder": {"dropout_rate": 0.0},
    # Its model needs a map from image tokens to words.
    "chameleon": {"vocabulary_map": {"<image>": 4}},
    # It is a language model only as a decoder.
    "reformer": {"is_decoder": True},
    # Its model needs every layer's kind; one in four has attention in its released models.
    "lfm2_moe": {"layer_types": ["conv", "conv", "full_attention", "conv"] * 8},
    # Its default encoder is spelt donut_swin, which no mapping knows.
    "nougat": {"encoder": {"model_type": "donut-swin"}, "decoder": {"model_type": "mbart"}},
}

#: Keys that must grow with d_model: model type -> key. Each class checks the product of this key
#: and a head's size against the width of its state-space layers, which is a multiple of d_model.
COMPANIONS: dict[str, str] = {
    "bamba": "mamba_n_heads",
    "granitemoehybrid": "mamba_n_heads",
    "mamba2": "num_heads",
}
