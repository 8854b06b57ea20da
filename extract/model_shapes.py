"""What only modelling code decides: rules read from the shapes of models on torch's meta device."""

import re
from fractions import Fraction

import torch
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    PretrainedConfig,
    PreTrainedModel,
)
from transformers.initialization import no_init_weights

from extract.config_probing import ConfigClass, rule_of

_MLP = re.compile(
    r"mlp|ffn|feed_forward|feedforward|\bff\b|\.fc[12]\b|intermediate|wi\b|(?<!attention)\.output\.dense|ff_layer|DenseReluDense"
)
_ATTENTION = re.compile(r"att|\.q_proj|\.k_proj|\.o_proj", re.IGNORECASE)
_OUT = re.compile(r"(o_proj|out_proj|c_proj|dense|out_lin|\bwo|\.o|proj|output)\.weight$")
_KEY = re.compile(r"(k_proj|key|k_lin|\bk|wk)\.weight$")
_FUSED = re.compile(
    r"(qkv_proj|query_key_value|c_attn|wqkv|qkv|in_proj)(\.weight|_weight)$", re.IGNORECASE
)

_SMALL: tuple[dict[str, int], ...] = (
    {"d_model": 192, "heads": 6, "kv_heads": 2, "d_ffn": 332, "layers": 2},
    {"d_model": 320, "heads": 10, "kv_heads": 5, "d_ffn": 404, "layers": 3},
    {"d_model": 256, "heads": 8, "kv_heads": 2, "d_ffn": 332, "layers": 2},
    {"d_model": 512, "heads": 4, "kv_heads": 4, "d_ffn": 772, "layers": 4},
)


def build_on_meta(config: PretrainedConfig) -> PreTrainedModel | None:
    """Build a model without memory; None if no model class takes the config."""
    for auto in (AutoModelForCausalLM, AutoModelForImageTextToText, AutoModel):
        if type(config) in auto._model_mapping:
            try:
                with torch.device("meta"), no_init_weights():
                    return auto.from_config(config)
            except Exception:  # noqa: S112
                # Model classes refuse configs in many ways; the next class may take it.
                continue
    return None


def shape_rules(known: ConfigClass, fields: set[str]) -> dict[str, str]:
    """Find rules of d_ffn, kv_heads and head_dim from models of several widths."""
    seen: dict[str, list[tuple[dict[str, int], Fraction]]] = {field: [] for field in fields}
    for widths in _SMALL:
        for field, value in _measure(known, widths, fields).items():
            if field in fields:
                seen[field].append((widths, value))
    found = {field: rule_of(values) for field, values in seen.items()}
    # A constant is a default of another key, not a rule.
    return {field: rule for field, rule in found.items() if rule and not rule.isdigit()}


def reads_head_dim(known: ConfigClass) -> bool:
    """Tell whether modelling code obeys a head_dim that the configuration class does not know."""
    odd: dict[str, object] = {"head_dim": 72}
    return any(
        _measure(known, widths, {"head_dim"}, odd).get("head_dim") == 72 for widths in _SMALL
    )


def _measure(
    known: ConfigClass,
    widths: dict[str, int],
    left_out: set[str],
    extra: dict[str, object] | None = None,
) -> dict[str, Fraction]:
    values: dict[str, object] = dict(extra or {})
    for name, width in widths.items():
        key = known.key(name)
        if key and key.path and name not in left_out | {"layers"}:
            values[key.path] = width
    # Some classes leave the number of experts open.
    for name, number in (("experts", 8), ("active_experts", 2), ("shared_experts", 1)):
        key = known.key(name)
        if key and key.path and key.default is None:
            values[key.path] = number
    layers = known.key("layers")
    few = {layers.path: widths["layers"]} if layers and layers.path else {}
    # Some classes state every layer's kind and take no other number of them; in some hybrids the
    # first layers have no attention.
    for shallow in (few, {}):
        config = known.build(values | shallow)
        model = build_on_meta(config) if config is not None else None
        found = _shapes(model, widths["d_model"], widths["heads"]) if model is not None else {}
        if left_out <= found.keys():
            break
    return found


def _shapes(model: PreTrainedModel, d_model: int, heads: int) -> dict[str, Fraction]:
    shapes = {name: tuple(p.shape) for name, p in model.named_parameters() if p.ndim == 2}
    found = {}
    inner = [
        _other(shape, d_model)
        for name, shape in shapes.items()
        if _MLP.search(name) and not (_ATTENTION.search(name))
    ]
    if widths := [width for width in inner if width]:
        found["d_ffn"] = Fraction(min(widths))
    attention = {
        name: shape
        for name, shape in shapes.items()
        if _ATTENTION.search(name) and "linear_att" not in name and "encoder." not in name
    }
    out = next(
        (
            s
            for n, s in attention.items()
            if _OUT.search(n) and d_model in s and not _FUSED.search(n)
        ),
        None,
    )
    if out is None:
        return found
    width = _other(out, d_model) or d_model
    found["head_dim"] = Fraction(width, heads)
    key = next((s for n, s in attention.items() if _KEY.search(n) and d_model in s), None)
    fused = next((s for n, s in attention.items() if _FUSED.search(n) and d_model in s), None)
    if key is not None:
        found["kv_heads"] = Fraction(_other(key, d_model) or d_model) / found["head_dim"]
    elif fused is not None:
        total = _other(fused, d_model) or d_model
        found["kv_heads"] = Fraction(total - width, 2) / found["head_dim"]
    return found


def _other(shape: tuple[int, ...], d_model: int) -> int | None:
    """Return the dimension beside d_model; None if neither or both are d_model."""
    rest = [size for size in shape if size != d_model]
    return rest[0] if len(rest) == 1 and len(shape) == 2 else None
