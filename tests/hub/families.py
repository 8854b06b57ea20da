"""The families that generated models belong to, as data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Family:
    """Models of one type: what their configs and repos look like."""

    name: str
    model_type: str
    architecture: str
    pipeline_tag: str = "text-generation"
    layers: str = "num_hidden_layers"
    width: str = "hidden_size"
    heads: str = "num_attention_heads"
    nested: str | None = None
    experts: int = 0


FAMILIES = (
    Family("Llama", "llama", "LlamaForCausalLM"),
    Family("Mistral", "mistral", "MistralForCausalLM"),
    Family("Qwen2", "qwen2", "Qwen2ForCausalLM"),
    Family("Qwen3", "qwen3", "Qwen3ForCausalLM"),
    Family("Gemma2", "gemma2", "Gemma2ForCausalLM"),
    Family("Phi3", "phi3", "Phi3ForCausalLM"),
    Family("Mixtral", "mixtral", "MixtralForCausalLM", experts=8),
    Family("GPT2", "gpt2", "GPT2LMHeadModel", layers="n_layer", width="n_embd", heads="n_head"),
    Family("Pythia", "gpt_neox", "GPTNeoXForCausalLM"),
    Family("Bloom", "bloom", "BloomForCausalLM", layers="n_layer", heads="n_head"),
    Family("MPT", "mpt", "MPTForCausalLM", layers="n_layers", width="d_model", heads="n_heads"),
    Family(
        "Qwen2-VL",
        "qwen2_vl",
        "Qwen2VLForConditionalGeneration",
        "image-text-to-text",
        nested="text_config",
    ),
    Family("BERT", "bert", "BertForSequenceClassification", "text-classification"),
    Family("Whisper", "whisper", "WhisperForConditionalGeneration", "automatic-speech-recognition"),
)
#: Billions of parameters, layers, width, heads, kv heads.
SHAPES = (
    (0.1, 12, 768, 12, 12),
    (0.5, 24, 896, 14, 2),
    (1.5, 28, 1536, 12, 2),
    (3, 36, 2048, 16, 2),
    (7, 32, 4096, 32, 8),
    (8, 36, 4096, 32, 8),
    (13, 40, 5120, 40, 40),
    (34, 60, 7168, 56, 8),
    (70, 80, 8192, 64, 8),
)
#: Benchmark datasets that some models hold results of.
BENCHMARKS = (("cais/hle", "hle"), ("Idavidrein/gpqa", "gpqa_diamond"), ("openai/gsm8k", "gsm8k"))
