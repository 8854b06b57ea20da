"""Configs that transformers' own classes write, and what each class says of its language model."""

import copy
import functools
import json
import re
import warnings
from typing import Any

#: Names under which a config class holds a field: a decoder's own, the canonical one, others.
ATTRIBUTES = {
    "d_model": ("hidden_size",),
    "d_ffn": ("decoder_ffn_dim", "intermediate_size", "ffn_dim", "d_ff", "n_inner", "ffn_hidden_size"),
    "heads": ("decoder_attention_heads", "num_attention_heads"),
    "layers": ("decoder_layers", "num_hidden_layers"),
    "kv_heads": ("num_key_value_heads",),
    "vocab_size": ("vocab_size",),
    "pos": ("max_position_embeddings", "n_positions", "max_seq_len"),
}


#: Names of modules for pictures and sound beside or inside a language model.
TOWERS = re.compile("vision|visual|image|audio|speech|perceiver")


@functools.cache
def model_types() -> list[str]:
    """Return every causal-LM and image-text model type of the installed transformers."""
    from transformers.models.auto import modeling_auto as auto

    return sorted(
        {
            *auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
            *auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        }
    )


@functools.cache
def class_default(model_type: str) -> Any:
    """Return a class's config of its own defaults; None where it refuses them itself."""
    from transformers import CONFIG_MAPPING

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return CONFIG_MAPPING[model_type]()
        except Exception:
            return None


def texts(model_type: str) -> dict[str, str]:
    """Return config.json texts: all keys, what `save_pretrained` writes, and as little as loads."""
    config = class_default(model_type)
    full = json.loads(config.to_json_string(use_diff=False))
    return {
        "full": json.dumps(full),
        "diff": config.to_json_string(use_diff=True),
        "bare": json.dumps({"model_type": model_type, "architectures": full.get("architectures")}),
    }


def fields(model_type: str) -> dict[str, int]:
    """Return what the class says of its language model: the fields that are one number."""
    language = copy.copy(class_default(model_type).get_text_config(decoder=True))
    said = {}
    for field, names in ATTRIBUTES.items():
        for name in names:
            try:
                value = getattr(language, name, None)
            except Exception:  # a class refuses one number where its layers differ
                continue
            if isinstance(value, list) and len(set(map(str, value))) == 1:
                value = value[0]
            if isinstance(value, int) and not isinstance(value, bool):
                said[field] = value
                break
    return said


def language_parameters(model_type: str) -> int | str:
    """Count the language model's parameters on torch's meta device, or say why there is no model.

    Towers for pictures and sound do not count; the output embeddings do where they are not tied.
    """
    import torch
    from transformers import AutoModel, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.initialization import no_init_weights

    whole = class_default(model_type)
    if whole is None:
        return "its class refuses its own defaults"
    refusal = "no model class takes its config"
    language = whole.get_text_config(decoder=True)
    for config in (whole, language):
        for auto in (AutoModelForCausalLM, AutoModelForImageTextToText, AutoModel):
            if type(config) not in auto._model_mapping:
                continue
            try:
                with torch.device("meta"), no_init_weights():
                    model = auto.from_config(copy.deepcopy(config))
                    model.tie_weights()
            except Exception as error:  # classes refuse their own defaults in many ways
                refusal = repr(error)[:100]
                continue
            if config is whole and type(language) is not type(whole):
                parts = [model.get_decoder(), model.get_output_embeddings()]
            else:
                parts = [model]
            parameters = {
                id(parameter): parameter.numel()
                for part in parts
                if part
                for name, parameter in part.named_parameters()
                if not TOWERS.search(name)
            }
            return sum(parameters.values())
    return refusal
