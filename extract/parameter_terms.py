"""Identify, from the model classes, the polynomial that counts a language model's parameters.

A model type is built on torch's meta device, which holds no numbers, at many small structures. The
tensors of each name (layer numbers left out) form a group; how many there are and how long each
side is are matched with sums of monomials over canonical fields, and their product is expanded. A
hybrid's pattern of layers that is no polynomial in their number is counted at the class's default
and written as a fraction of `layers`; such a formula is checked at about the default's size.

Counted are the decoder and the output embeddings; no vision or audio tower, no encoder. Terms are
products of field names and of `untied` = 1 - tie_word_embeddings and `sparse_layers` = layers -
dense_layers. A field that a class does not know or a config leaves out counts as its default or
rule in `config_schema` says; beyond that, dense_layers and shared_experts count as 0, shared_d_ffn
as shared_experts * moe_d_ffn, a switch as 0, and a q_lora_rank of null as the rank that makes the
two low-rank factors as large as the one matrix that stands in their place: d_model * q / (d_model +
q) with q = heads * (qk_nope_head_dim + qk_rope_head_dim). In the component `experts` every term has
the factor `experts`; with active_experts in its place they count the active parameters.
"""

import copy
import importlib
import itertools
import json
import multiprocessing
import random
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from transformers import AutoModel, AutoModelForCausalLM, PretrainedConfig, PreTrainedModel
from transformers.initialization import no_init_weights
from transformers.models.auto import modeling_auto

from extract.config_probing import ConfigClass, language_config, read, silence
from extract.config_vocabulary import COMPANIONS, SWITCHES
from modelstrata.progress import progress

Row = dict[str, Any]
Monomial = tuple[str, ...]
Polynomial = dict[Monomial, Fraction]

N_PROBES = 14
N_HELD_OUT = 4
TIME_LIMIT_S = 180

#: Numbers to build models with: no two of them equal, so that a side tells its field.
_POOLS: dict[str, tuple[int, ...]] = {
    "layers": (3, 4, 5, 6),
    "d_model": (336, 432, 528, 624, 816, 912, 1104),
    "heads": (8, 12, 16, 24),
    "kv_heads": (2, 4),
    "head_dim": (20, 28, 36, 44, 52, 68, 76, 92),
    "d_ffn": (416, 448, 544, 608, 704, 736, 928, 992),
    "experts": (8, 16, 32, 40, 56),
    "moe_d_ffn": (96, 160, 224, 352, 480, 672),
    "shared_experts": (1, 2, 3),
    "shared_d_ffn": (64, 176, 208, 272, 304),
    "dense_layers": (1, 2),
    "q_lora_rank": (56, 88, 104, 136, 152),
    "kv_lora_rank": (72, 112, 144, 184, 248),
    "qk_nope_head_dim": (24, 40, 48, 84),
    "qk_rope_head_dim": (10, 14, 18, 22, 26),
    "v_head_dim": (30, 34, 38, 42, 46),
    "pos": (1025, 1538, 2051, 3074),
    "tie_word_embeddings": (0, 1),
    "attention_bias": (0, 1),
    "mlp_bias": (0, 1),
}

_COMPONENTS = (
    ("norms", r"(norm\w*|\bln|\bln_\w+|\w+_ln|\bln\d)(\.\*)?\.(weight|bias|scale)$"),
    ("output", r"lm_head|output_projection|embed_out|cls\.|proj_out|generator_lm"),
    ("experts", r"(?<!shared_)\bexperts?\b|block_sparse_moe\.(input|output)_linear"),
    ("router", r"router|\.gate\.(weight|bias|e_score|wg|layer)|\.wg\.|expert_bias|e_score"),
    ("attention", r"attn|attention|\.att\b|[qkvo]_proj|kv_[ab]_|q_[ab]_|query|self_attn"),
    (
        "mlp",
        r"mlp|ffn|feed_?forward|\.fc\d?\b|shared_expert|intermediate|\.ff\b|output\.dense",
    ),
    ("embeddings", r"embed|wte|wpe|relative_attention_bias"),
)

#: Tensors of what is no language model, in classes that hold it beside their language model.
_TOWER = re.compile(
    r"(^|\.)(vision|visual|image|audio|speech|vq|protein)(_?(model|tower|encoder|embed|embedding|tokenizer))\b"
    r"|(^|\.)(visual|vqmodel|embed_tokens_extend)\b"
)


@dataclass
class Probe:
    """One built model: its fields' values and its tensors."""

    values: dict[str, Fraction]
    total: int
    groups: dict[str, tuple[int, tuple[int, ...]]] = field(default_factory=dict)
    outputs: set[str] = field(default_factory=set)


class NotCounted(Exception):
    """A model type's parameters could not be counted; the message says why."""


def _group_name(name: str) -> str:
    return re.sub(r"\.\d+(?=\.|$)", ".*", name)


def component_of(name: str) -> str:
    """Tell which part of a model a tensor belongs to, from its name."""
    if re.search(r"embed_tokens|wte|wpe|word_embeddings|embed_positions", name):
        return "norms" if "norm" in name.lower() else "embeddings"
    return next((part for part, words in _COMPONENTS if re.search(words, name)), "other")


class LanguageModel:
    """Counts the parameters of one language model type."""

    def __init__(self, model_type: str, schema: list[Row]) -> None:
        self.known = ConfigClass.of(model_type)
        self.paths: dict[str, str] = {}
        self.rules: dict[str, str] = {}
        self.defaults: dict[str, float] = {}
        for row in schema:
            name = str(row["field"])
            if row["preference"] != 1 or name not in _POOLS.keys() | {"vocab_size"}:
                continue
            if row["json_path"] and not row["is_invariant"]:
                self.paths[name] = str(row["json_path"])
            if row["derived_from"]:
                self.rules[name] = str(row["derived_from"])
            if row["default_value"] is not None:
                self.defaults[name] = float(row["default_value"])
        if self.known.key("kv_lora_rank"):
            # Latent attention has several; some classes keep one of them under this name.
            self.paths.pop("head_dim", None)
        if "q_lora_rank" in self.paths and "q_lora_rank" not in self.defaults:
            # The class's own default has one matrix instead of two factors.
            del self.paths["q_lora_rank"]
        self.model_class = _model_class(self.known.kind)
        self.is_headless = (
            self.known.kind not in AutoModelForCausalLM._model_mapping
            and not self.model_class.__name__.endswith("ForCausalLM")
        )
        self.companion = COMPANIONS.get(model_type)
        for name in [n for n, path in self.paths.items() if path == self.companion]:
            del self.paths[name]
        self.random = random.Random(model_type)

    def values(self, config: PretrainedConfig) -> dict[str, Fraction]:
        """Return the fields' values in a config, absent ones by their rules."""
        found: dict[str, Fraction] = {}
        for name in (*_POOLS, "vocab_size"):
            if name == "head_dim" and self.known.key("kv_lora_rank"):
                continue
            key = self.known.key(name)
            value = self.known.effect(name, key.effect, config) if key else None
            if value is None and name in self.paths:
                value = read(config, self.paths[name])
            if value is not None:
                found[name] = Fraction(value)
        for name, rule in self.rules.items():
            if "?" in rule:
                found[name] = _choose(rule, found, config)
            elif name not in found and (derived := _apply(rule, found)) is not None:
                found[name] = derived
        for name in (*SWITCHES, "dense_layers", "shared_experts"):
            found.setdefault(name, Fraction(0))
        if "moe_d_ffn" in found:
            found.setdefault("shared_d_ffn", found["shared_experts"] * found["moe_d_ffn"])
        if "layers" in found:
            found["sparse_layers"] = found["layers"] - found["dense_layers"]
        found["untied"] = 1 - found["tie_word_embeddings"]
        return found

    def model(self, config: PretrainedConfig) -> PreTrainedModel:
        """Build the language model without memory."""
        with torch.device("meta"), no_init_weights():
            model = self.model_class._from_config(copy.deepcopy(config))
        # Leaving out the initialisation leaves out the tying too.
        model.tie_weights()
        return model

    def probe(self, config: PretrainedConfig) -> Probe:
        """Build a config's model and list its tensors by name and shape."""
        model = self.model(config)
        values = self.values(config)
        tensors = [
            (name, tuple(p.shape))
            for name, p in model.named_parameters()
            if not _TOWER.search(name)
        ]
        shapes: dict[str, list[tuple[int, ...]]] = defaultdict(list)
        for name, shape in tensors:
            shapes[_group_name(name)].append(shape)
        found = Probe(values, sum(int(np.prod(shape)) for _, shape in tensors))
        head = model.get_output_embeddings()
        heads = {id(p) for p in head.parameters()} if head is not None else set()
        heads -= {id(p) for p in model.get_input_embeddings().parameters()}
        found.outputs = {
            _group_name(name) for name, p in model.named_parameters() if id(p) in heads
        }
        for name, all_shapes in shapes.items():
            for order, (shape, count) in enumerate(Counter(all_shapes).items()):
                found.groups[f"{name}#{order}"] = (count, shape)
        return found

    def draw(self, fixed: frozenset[str]) -> dict[str, object]:
        """Draw a structure; `fixed` fields stay at the class's default."""
        drawn: dict[str, Any] = {
            switch: bool(self.random.getrandbits(1))
            for rule in self.rules.values()
            for switch in re.findall(r"(\w+) \?", rule)
        }
        for name, path in self.paths.items():
            if name in fixed:
                continue
            if name == "vocab_size":
                # No fewer than by default: special tokens have fixed numbers.
                few = int(self.defaults.get(name, 32000))
                drawn[path] = few * self.random.randint(1, 4) + 16 * self.random.randint(1, 40)
            elif name in SWITCHES:
                drawn[path] = bool(self.random.getrandbits(1))
            elif name == "d_model" and self.companion:
                ratio = self.defaults[name] / int(read(self.known.default, self.companion) or 1)
                drawn[self.companion] = 16 * self.random.randint(1, 9)
                drawn[path] = int(ratio * drawn[self.companion])
            elif path not in drawn:
                drawn[path] = self.random.choice(_POOLS[name])
        return drawn

    def draw_near(self, fixed: frozenset[str]) -> dict[str, object]:
        """Draw a structure of about the default's size."""
        drawn: dict[str, Any] = {}
        factor = self.random.choice((Fraction(1, 2), Fraction(3, 2), Fraction(2)))
        if self.companion:
            drawn[self.companion] = int((read(self.known.default, self.companion) or 0) * factor)
        for name in ("d_model", "d_ffn", "moe_d_ffn", "vocab_size", "heads", "kv_heads"):
            if name in self.paths.keys() - fixed and name in self.defaults:
                drawn[self.paths[name]] = int(Fraction(self.defaults[name]) * factor)
        return drawn

    def probes(
        self,
        n: int,
        fixed: frozenset[str],
        draw: Callable[[frozenset[str]], dict[str, object]] | None = None,
    ) -> list[Probe]:
        """Build models at drawn structures; refused ones are drawn anew."""
        found: list[Probe] = []
        for _ in range(3 * n):
            config = self.known.build((draw or self.draw)(fixed))
            if config is None:
                continue
            try:
                found.append(self.probe(config))
            except Exception:  # noqa: S112
                # Model classes refuse structures in many ways.
                continue
            if len(found) == n:
                break
        return found

    def fixed_fields(self) -> frozenset[str]:
        """Return the fields that must stay at their defaults for models to be built."""
        fixed: frozenset[str] = frozenset()
        if self.probes(2, fixed):
            return fixed
        free: set[str] = set()
        everything = frozenset(self.paths)
        order = ("layers", "d_model", "heads", "kv_heads", "head_dim", *self.paths)
        for name in dict.fromkeys(order):
            if name in self.paths and self.probes(1, everything - free - {name}):
                free.add(name)
        for pair in itertools.combinations(sorted(everything - free), 2):
            if self.probes(1, everything - free - set(pair)):
                free |= set(pair)
        return everything - free

    def default(self) -> PretrainedConfig:
        """Return the class's default, numbers of experts that it leaves open filled in."""
        config = self.known.default
        missing: dict[str, object] = {
            self.paths[name]: _POOLS[name][0]
            for name in ("experts", "shared_experts", "moe_d_ffn")
            if name in self.paths and read(config, self.paths[name]) is None
        }
        if missing:
            config = self.known.build(missing) or config
        try:
            self.model(config)
        except TypeError:
            # The class leaves even widths open that its model needs.
            values = self.values(config)
            for name in ("kv_heads", "head_dim"):
                if name in self.paths.keys() & values.keys():
                    missing[self.paths[name]] = int(values[name])
            config = self.known.build(missing) or config
        return config

    def count(self) -> list[Row]:
        """Identify and check the formula."""
        if not {"layers", "d_model"} <= self.values(self.known.default).keys():
            raise NotCounted("no key states its layers or its d_model")
        fixed = self.fixed_fields()
        if "d_model" in fixed:
            raise NotCounted("no model but one of the default d_model can be built")
        default = self.probe(self.default())
        probes = self.probes(N_PROBES, fixed)
        if len(probes) < N_PROBES // 2:
            raise NotCounted("the class refuses nearly all structures but its default")
        formula = self._formulas(probes, default)
        whole = _merge(formula.values())
        held_out = self.probes(N_HELD_OUT, fixed)
        if max(_errors(whole, held_out)) > 0:
            # Roundings and patterns of layers are for the sizes at which models are made.
            held_out = self.probes(N_HELD_OUT, fixed, self.draw_near)
        errors = _errors(whole, [default, *held_out])
        return [
            {
                "component": part,
                "term": "*".join(term) or "1",
                "coefficient": float(coefficient),
                "n_probes": len(probes) + len(held_out) + 1,
                "max_relative_error": max(errors),
            }
            for part, polynomial in (formula | self.head()).items()
            for term, coefficient in polynomial.items()
        ]

    def _formulas(self, probes: list[Probe], default: Probe) -> dict[str, Polynomial]:
        formula: dict[str, Polynomial] = defaultdict(dict)
        names = dict.fromkeys(name for probe in [*probes, default] for name in probe.groups)
        for name in names:
            is_output = any(name.partition("#")[0] in p.outputs for p in [*probes, default])
            part = "output" if is_output else component_of(name)
            counts = [probe.groups.get(name, (0, ()))[0] for probe in probes]
            at_default = default.groups.get(name, (0, ()))[0]
            number = fit(counts, probes, _COUNTS, default, at_default, part)
            depths = {probe.values.get("layers") for probe in probes}
            if number is None or (len(depths) == 1 and at_default > 1):
                number = {("layers",): Fraction(at_default) / default.values["layers"]}
            product: Polynomial = number
            if not any(number.values()):
                continue
            there = [probe for probe in [*probes, default] if name in probe.groups]
            rank = len(there[0].groups[name][1])
            for axis in range(rank):
                sides = [probe.groups[name][1][axis] for probe in there]
                side = fit(sides, there, _SIDES, None, 0, part)
                if side is None:
                    side = _nearest(sides, there, part)
                product = _multiply(product, side)
            for term, coefficient in product.items():
                place = part
                if part != "router" and ("experts" in term) != (part == "experts"):
                    # Experts that go by another name, and what all experts share.
                    place = "experts" if "experts" in term else "mlp"
                formula[place] = _merge([formula[place], {term: coefficient}])
        return {part: _reduce(p) for part, p in formula.items() if p}

    def head(self) -> dict[str, Polynomial]:
        """Return the output embeddings of a class that has none: what it is part of adds them."""
        plain: Polynomial = {("d_model", "untied", "vocab_size"): Fraction(1)}
        return {"output": plain} if self.is_headless else {}


_COUNTS: tuple[Monomial, ...] = (
    (),
    ("layers",),
    ("sparse_layers",),
    ("dense_layers",),
    ("untied",),
    ("layers", "attention_bias"),
    ("layers", "mlp_bias"),
    ("sparse_layers", "mlp_bias"),
    ("dense_layers", "mlp_bias"),
    ("attention_bias",),
    ("mlp_bias",),
    ("layers", "experts"),
    ("sparse_layers", "experts"),
    ("sparse_layers", "shared_experts"),
    ("layers", "shared_experts"),
    ("sparse_layers", "experts", "mlp_bias"),
)
_SIDES: tuple[Monomial, ...] = (
    (),
    ("vocab_size",),
    ("d_model",),
    ("d_ffn",),
    ("moe_d_ffn",),
    ("shared_d_ffn",),
    ("experts",),
    ("heads",),
    ("kv_heads",),
    ("head_dim",),
    ("heads", "head_dim"),
    ("kv_heads", "head_dim"),
    ("pos",),
    ("q_lora_rank",),
    ("kv_lora_rank",),
    ("qk_nope_head_dim",),
    ("qk_rope_head_dim",),
    ("v_head_dim",),
    ("heads", "qk_nope_head_dim"),
    ("heads", "qk_rope_head_dim"),
    ("heads", "v_head_dim"),
    ("kv_heads", "v_head_dim"),
    ("shared_experts", "moe_d_ffn"),
    ("experts", "moe_d_ffn"),
    ("layers",),
    ("layers", "d_model"),
)


def _order(monomials: Iterable[Monomial], part: str) -> list[Monomial]:
    """Put the names that a part is spoken of in first: one key may serve two fields."""
    rare = {"mlp": ("moe_d_ffn", "attention_bias"), "attention": ("mlp_bias", "moe_d_ffn")}.get(
        part, ("d_ffn", "attention_bias") if part in ("experts", "router") else ()
    )
    return sorted(monomials, key=lambda m: any(name in rare for name in m))


def fit(
    seen: list[int],
    probes: list[Probe],
    monomials: tuple[Monomial, ...],
    default: Probe | None,
    at_default: int,
    part: str,
) -> Polynomial | None:
    """Find the smallest sum of monomials that gives what was seen, at the default too."""
    if default is not None:
        seen, probes = [*seen, at_default], [*probes, default]
    usable = [m for m in _order(monomials, part) if all(n in p.values for p in probes for n in m)]
    target = np.array(seen, dtype=float)
    if not target.any():
        return {(): Fraction(0)}
    columns = np.array([[float(_product(m, p.values)) for p in probes] for m in usable])
    scales = np.abs(columns).max(axis=1)
    usable = [m for m, scale in zip(usable, scales, strict=True) if scale]
    columns, scales = columns[scales > 0], scales[scales > 0]
    for size in (1, 2, 3):
        terms = [
            i
            for i, monomial in enumerate(usable)
            if size == 1 or monomials is _COUNTS or "layers" not in monomial
        ]
        chosen = np.array(list(itertools.combinations(terms, size)))
        if not len(chosen):
            continue
        # Normal equations of all choices at once, on columns of one scale.
        matrix = (columns / scales[:, None])[chosen]
        gram = matrix @ matrix.transpose(0, 2, 1)
        gram += 1e-12 * np.eye(size)
        solution = np.linalg.solve(gram, (matrix @ target)[:, :, None])[:, :, 0]
        residual = np.abs(np.einsum("nk,nkp->np", solution, matrix) - target).max(axis=1)
        for index in np.flatnonzero(residual < 1e-4 * np.abs(target).max()):
            raw = solution[index] / scales[chosen[index]]
            exact = [Fraction(float(c)).limit_denominator(16 if size == 1 else 4) for c in raw]
            found = np.array([float(c) for c in exact]) @ columns[chosen[index]]
            if 0 not in exact and np.abs(found - target).max() < 1e-6:
                return dict(zip((usable[i] for i in chosen[index]), exact, strict=True))
    return None


def _nearest(sides: list[int], probes: list[Probe], part: str) -> Polynomial:
    """Take the one monomial that a rounded side follows most closely, scaled as the last probe."""
    best: tuple[float, Polynomial] | None = None
    for monomial in _order(_SIDES, part):
        if any(name not in p.values for p in probes for name in monomial):
            continue
        bases = [float(_product(monomial, p.values)) for p in probes]
        if not all(bases):
            continue
        ratios = [side / base for side, base in zip(sides, bases, strict=True)]
        spread = max(ratios) / min(ratios)
        if best is None or spread < best[0]:
            scale = Fraction(sides[-1]) / _product(monomial, probes[-1].values)
            best = (spread, {monomial: scale})
    assert best is not None
    return best[1]


def _errors(formula: Polynomial, probes: list[Probe]) -> list[float]:
    return [abs(float(_evaluate(formula, probe.values)) / probe.total - 1) for probe in probes]


def _product(monomial: Monomial, values: dict[str, Fraction]) -> Fraction:
    result = Fraction(1)
    for name in monomial:
        result *= values[name]
    return result


def _evaluate(polynomial: Polynomial, values: dict[str, Fraction]) -> Fraction:
    return sum((c * _product(m, values) for m, c in polynomial.items()), Fraction(0))


def _multiply(left: Polynomial, right: Polynomial) -> Polynomial:
    return _merge(
        {tuple(sorted((*a, *b))): x * y} for a, x in left.items() for b, y in right.items()
    )


def _merge(polynomials: Iterable[Polynomial]) -> Polynomial:
    total: Polynomial = defaultdict(Fraction)
    for polynomial in polynomials:
        for monomial, coefficient in polynomial.items():
            total[tuple(sorted(monomial))] += coefficient
    return dict(total)


def _reduce(polynomial: Polynomial) -> Polynomial:
    return {m: c for m, c in polynomial.items() if c}


def _choose(rule: str, values: dict[str, Fraction], config: PretrainedConfig) -> Fraction:
    """Evaluate a rule of choices, whose words are fields or keys of the config."""
    switch, chosen, otherwise = (
        re.split(r" \? | : ", rule, maxsplit=2) if "?" in rule else ("", rule, "")
    )
    if switch and not read(config, switch):
        return _choose(otherwise, values, config)
    if chosen.isdigit():
        return Fraction(chosen)
    return values[chosen] if chosen in values else Fraction(read(config, chosen) or 0)


def _apply(rule: str, values: dict[str, Fraction]) -> Fraction | None:
    """Evaluate a rule of `config_schema` without choices."""
    result = Fraction(1)
    for factor in rule.split("*"):
        top, *bottoms = factor.split("/")
        for name, power in ((top, 1), *((b, -1) for b in bottoms)):
            value = values.get(name) if not name.isdigit() else Fraction(name)
            if value is None:
                return None
            result *= value**power
    return result


def _model_class(kind: type[PretrainedConfig]) -> type[PreTrainedModel]:
    """Find the class of a config's language model, with its output embeddings if there is one."""
    for auto in (AutoModelForCausalLM, AutoModel):
        if kind in auto._model_mapping:
            found: Any = auto._model_mapping[kind]
            return found[0] if isinstance(found, (list, tuple)) else found
    # A part of other models, which no mapping names.
    module = importlib.import_module(kind.__module__.replace("configuration_", "modeling_"))
    own = {
        name: member
        for name, member in vars(module).items()
        if isinstance(member, type)
        and issubclass(member, PreTrainedModel)
        and member.config_class is kind
        and not name.endswith("PreTrainedModel")
    }
    for ending in ("ForCausalLM", "TextModel", "Decoder", "Model", "Transformer"):
        for name, model_class in own.items():
            if name.endswith(ending):
                return model_class
    raise NotCounted(f"no model class takes {kind.__name__} by itself")


def countable_types() -> dict[str, str]:
    """Return the config type that each generative model type's language model is counted by."""
    silence()
    generative = dict.fromkeys(
        [
            *modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
            *modeling_auto.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES,
        ]
    )
    found = {}
    for model_type in generative:
        _, language = language_config(ConfigClass.of(model_type).default)
        found[model_type] = language.model_type or model_type
    return found


def _work(model_type: str, schema: list[Row], place: Path) -> None:
    silence()
    torch.set_num_threads(1)
    try:
        rows = LanguageModel(model_type, schema).count()
    except Exception as error:
        # Whatever a model class raises is the reason that is written down.
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        rows = [{"failure": reason}]
    place.write_text(json.dumps(rows), encoding="utf-8")


def export_parameter_terms(
    schema: list[Row], work: Path, model_types: list[str] | None = None
) -> list[Row]:
    """Return the rows of `parameter_terms`; what lies in `work` is not counted again.

    Each model type is counted in a process of its own, which is ended after a time limit.
    """
    by_type: dict[str, list[Row]] = defaultdict(list)
    for row in schema:
        by_type[str(row["model_type"])].append(row)
    names = list(dict.fromkeys(model_types or countable_types().values()))
    work.mkdir(parents=True, exist_ok=True)
    fork = multiprocessing.get_context("fork")
    rows: list[Row] = []
    with progress("Model classes", len(names)) as advance:
        for name in names:
            place = work / f"{name}.json"
            if not place.exists():
                process = fork.Process(target=_work, args=(name, by_type[name], place))
                process.start()
                process.join(TIME_LIMIT_S)
                if process.is_alive():
                    process.kill()
                    process.join()
            found = (
                json.loads(place.read_text(encoding="utf-8"))
                if place.exists()
                else [{"failure": f"not counted within {TIME_LIMIT_S} s"}]
            )
            constant = {"model_type": name, "transformers_version": transformers.__version__}
            rows += [{**constant, **row} for row in found]
            advance(name)
    return rows
