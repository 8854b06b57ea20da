"""Models made from (seed, index), none of which exists before it is asked for.

Sizes, likes and downloads are skewed as the Hub's are, repos without config.json, gated repos,
adapters, quantised copies and unreadable configs occur; the numbers themselves mean nothing.
"""

import hashlib
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import orjson

from tests.hub.draws import SORT_KEYS, created_ms, is_evaluated, modified_ms
from tests.hub.encoding import iso
from tests.hub.families import BENCHMARKS, FAMILIES, SHAPES, Family
from tests.hub.repos import GITATTRIBUTES, Blob, Gate, Repo

_OWNERS = ("lab", "org", "TheQuantizer", "research", "acme-ai", "model_zoo")


class _once:
    """`functools.cached_property` without Python 3.11's lock, here taken 20,000 times a page."""

    def __init__(self, compute: Callable[[Any], Any]) -> None:
        self.compute = compute

    def __get__(self, instance: Any, owner: type) -> Any:
        value = instance.__dict__[self.compute.__name__] = self.compute(instance)
        return value


class GeneratedModel:
    """One model; every field is computed when it is asked for."""

    def __init__(self, seed: int, index: int) -> None:
        self.seed = seed
        self.ordinal = index

    @_once
    def _words(self) -> tuple[int, ...]:
        text = f"{self.seed}/{self.ordinal}".encode()
        return struct.unpack("<24I", hashlib.shake_128(text).digest(96))

    def _pick(self, number: int, below: int) -> int:
        return self._words[number] % below

    @_once
    def family(self) -> Family:
        return FAMILIES[self._pick(0, len(FAMILIES))]

    @_once
    def shape(self) -> tuple[float, int, int, int, int]:
        return SHAPES[self._pick(1, len(SHAPES))]

    @_once
    def variant(self) -> str:
        """Base models, fine-tunes, merges, quantised copies, adapters, GGUF files."""
        kinds = ("base", "base", "chat", "chat", "merge", "GPTQ", "lora", "GGUF")
        return kinds[self._pick(2, len(kinds))]

    @_once
    def author(self) -> str | None:
        if self.ordinal % 500 == 7:
            return None  # a canonical model, such as gpt2, has no owner
        return f"{_OWNERS[self._pick(3, len(_OWNERS))]}-{self._pick(4, 400)}"

    @_once
    def id(self) -> str:
        name = f"{self.family.name}-{self.shape[0]}B-{self.variant}-{self.ordinal:07d}"
        return name if self.author is None else f"{self.author}/{name}"

    @_once
    def sha(self) -> str:
        text = f"{self.seed}:{self.ordinal}".encode()
        return hashlib.sha1(text, usedforsecurity=False).hexdigest()

    @_once
    def gated(self) -> Gate:
        return {0: "auto", 1: "manual"}.get(self._pick(5, 60), False)  # type: ignore[return-value]

    @_once
    def disabled(self) -> bool:
        return self._pick(6, 1000) == 0

    @_once
    def parameters(self) -> int:
        return int(self.shape[0] * 1e9) + self._pick(7, 10_000_000)

    @_once
    def base(self) -> "GeneratedModel | None":
        """The model that this one says it is made from: one before it."""
        if self.variant == "base" or self.ordinal == 0:
            return None
        return GeneratedModel(self.seed, self._pick(8, self.ordinal))

    @_once
    def file_names(self) -> tuple[str, ...]:
        if self.variant == "lora":
            return (
                ".gitattributes",
                "README.md",
                "adapter_config.json",
                "adapter_model.safetensors",
            )
        if self.variant == "GGUF":
            return (".gitattributes", "README.md", "model-Q4_K_M.gguf")
        if self._pick(9, 40) == 0:
            return (".gitattributes", "README.md")
        return (".gitattributes", "README.md", "config.json", "model.safetensors", "tokenizer.json")

    @_once
    def config(self) -> dict[str, Any]:
        """The whole config.json, under the names that the family uses."""
        _, layers, width, heads, kv_heads = self.shape
        family = self.family
        structure: dict[str, Any] = {
            family.layers: layers,
            family.width: width,
            family.heads: heads,
            "intermediate_size": width * 4,
            "vocab_size": 32_000 + 128 * self._pick(10, 900),
            "max_position_embeddings": 2048 << self._pick(11, 7),
        }
        if kv_heads != heads:
            structure["num_key_value_heads"] = kv_heads
        if family.experts:
            structure["num_local_experts"] = family.experts
        config = {
            "architectures": [family.architecture],
            "model_type": family.model_type,
            **({family.nested: structure} if family.nested else structure),
            "torch_dtype": "bfloat16",
            "transformers_version": f"4.{self._pick(12, 50)}.0",
        }
        if self.variant == "GPTQ":
            config["quantization_config"] = {"bits": 4, "group_size": 128, "quant_method": "gptq"}
        return config

    @_once
    def config_bytes(self) -> bytes:
        """The text of config.json; a few are no JSON or no UTF-8, as on the Hub."""
        text = orjson.dumps(self.config, option=orjson.OPT_INDENT_2) + b"\n"
        odd = self._pick(13, 1500)
        if odd == 0:
            return text[: len(text) // 2]
        if odd == 1:
            return text.replace(b'"bfloat16"', '"caf\xe9"'.encode("latin-1"))
        if odd == 2:
            return text.replace(b'"torch_dtype"', b'"rope_scale": NaN,\n  "torch_dtype"')
        return text

    @_once
    def tags(self) -> list[str]:
        tags = ["transformers", "safetensors", self.family.model_type, self.family.pipeline_tag]
        if self.base is not None:
            tags += [f"base_model:{self.base.id}", f"base_model:{self.relation}:{self.base.id}"]
        return [*tags, f"license:{self.license}", "region:us"]

    @_once
    def license(self) -> str:
        return ("apache-2.0", "mit", "llama3", "cc-by-nc-4.0")[self._pick(14, 4)]

    @_once
    def relation(self) -> str:
        relations = {"GPTQ": "quantized", "GGUF": "quantized", "lora": "adapter", "merge": "merge"}
        return relations.get(self.variant, "finetune")

    @_once
    def library_name(self) -> str | None:
        return {"lora": "peft", "GGUF": "gguf"}.get(self.variant, "transformers")

    @_once
    def safetensors(self) -> dict[str, Any] | None:
        if "model.safetensors" not in self.file_names:
            return None
        if self.variant == "GPTQ":
            packed = self.parameters // 8
            return {"parameters": {"I32": packed, "F16": 1000}, "total": packed + 1000}
        return {"parameters": {"BF16": self.parameters}, "total": self.parameters}

    @_once
    def eval_results(self) -> list[dict[str, Any]] | None:
        """Entries as the API wraps the files in `.eval_results/`; a few files are invalid."""
        if not is_evaluated(self.seed, self.ordinal):
            return None
        dataset, task = BENCHMARKS[self._pick(16, len(BENCHMARKS))]
        filename = f".eval_results/{task}.yaml"
        if self._pick(17, 40) == 0:
            return [{"filename": filename, "error": "value: expected number"}]
        entry = {
            "dataset": {"id": dataset, "task_id": task},
            "value": self._pick(18, 10_000) / 100,
            "date": iso(int(modified_ms(self.seed, self.ordinal))),
            "source": {"url": f"https://huggingface.co/{self.id}", "name": "Model card"},
            "notes": ("no-tools", "chain-of-thought")[self._pick(19, 2)],
        }
        return [{"filename": filename, "verified": self._pick(20, 9) == 0, "data": entry}]

    @_once
    def model_index(self) -> list[dict[str, Any]] | None:
        """Results in the model card, as the Open LLM Leaderboard's bot wrote them."""
        if self._pick(21, 30) != 0:
            return None
        result = {
            "task": {"type": "text-generation", "name": "Text Generation"},
            "dataset": {"name": "HellaSwag (10-Shot)", "type": "hellaswag", "split": "validation"},
            "metrics": [
                {"type": "acc_norm", "value": self._pick(22, 10_000) / 100, "name": "accuracy"}
            ],
            "source": {
                "url": "https://huggingface.co/spaces/open-llm-leaderboard/open_llm_leaderboard",
                "name": "Open LLM Leaderboard",
            },
        }
        return [{"name": self.id.rsplit("/", 1)[-1], "results": [result]}]

    def field(self, name: str) -> Any:
        """Return a field of the API by its name there; None where the model has none."""
        return _FIELDS[name](self) if name in _FIELDS else None

    def sort_key(self, name: str) -> int:
        """Return the model's number under one of the API's sort keys."""
        return int(SORT_KEYS[name](self.seed, self.ordinal))

    def blob(self, path: str) -> Blob | None:
        """Return one of the files; weights have a size and an id but no bytes."""
        if path not in self.file_names:
            return None
        if path == ".gitattributes":
            return Blob.of(GITATTRIBUTES)
        if path == "config.json":
            return Blob.of(self.config_bytes)
        if path.endswith((".safetensors", ".gguf")):
            oid = hashlib.sha256(f"{self.sha}/{path}".encode()).hexdigest()
            return Blob(self.parameters * 2, None, oid)
        if path == "README.md":
            return Blob.of(f"---\nlicense: {self.license}\n---\n# {self.id}\n".encode())
        return Blob.of(orjson.dumps({"file": path, "of": self.id}))

    def to_repo(self) -> Repo:
        """Return the model as a repo with one commit, which then can change."""
        info = {name: self.field(name) for name in _FIELDS if name not in _FROM_REPO}
        repo = Repo("model", self.id, self.ordinal, info, gated=self.gated, disabled=self.disabled)
        files = {path: blob for path in self.file_names if (blob := self.blob(path)) is not None}
        at = int(modified_ms(self.seed, self.ordinal))
        repo.commit(files, title="Upload model", sha=self.sha, at=at)
        return repo


def _config_projection(model: GeneratedModel) -> dict[str, Any] | None:
    return config_projection(model.config) if "config.json" in model.file_names else None


def config_projection(config: dict[str, Any]) -> dict[str, Any]:
    """Return what the listing tells of a config: never its width, layers or heads."""
    kept = {key: config[key] for key in ("architectures", "model_type") if key in config}
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        names = ("bits", "quant_method", "load_in_4bit", "load_in_8bit")
        kept["quantization_config"] = {n: quantization[n] for n in names if n in quantization}
    kept |= {n: config[n] for n in ("num_experts", "num_local_experts") if n in config}
    return kept


def _base_models(model: GeneratedModel) -> dict[str, Any] | None:
    if model.base is None:
        return None
    base = {"_id": object_id(model.base.id), "id": model.base.id}
    return {"relation": model.relation, "models": [base]}


def _card_data(model: GeneratedModel) -> dict[str, Any]:
    card: dict[str, Any] = {"license": model.license, "library_name": model.library_name}
    return card if model.base is None else {**card, "base_model": model.base.id}


def _gguf(model: GeneratedModel) -> dict[str, Any] | None:
    if model.variant != "GGUF":
        return None
    return {"total": model.parameters, "architecture": model.family.model_type}


def object_id(text: str) -> str:
    """Return the 24 hexadecimal digits that the API calls `_id`."""
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()[:24]


#: Fields that a repo's own state tells, once a generated model has become one.
_FROM_REPO = {"author", "sha", "private", "gated", "disabled", "siblings", "config", "lastModified"}
_FIELDS: dict[str, Any] = {
    "author": lambda m: m.author,
    "sha": lambda m: m.sha,
    "createdAt": lambda m: iso(created_ms(m.seed, m.ordinal)),
    "lastModified": lambda m: iso(modified_ms(m.seed, m.ordinal)),
    "private": lambda m: False,
    "gated": lambda m: m.gated,
    "disabled": lambda m: m.disabled,
    "downloads": lambda m: m.sort_key("downloads"),
    "downloadsAllTime": lambda m: m.sort_key("downloads") * 9,
    "likes": lambda m: m.sort_key("likes"),
    "trendingScore": lambda m: m.sort_key("trendingScore"),
    "tags": lambda m: m.tags,
    "pipeline_tag": lambda m: m.family.pipeline_tag,
    "library_name": lambda m: m.library_name,
    "config": _config_projection,
    "safetensors": lambda m: m.safetensors,
    "gguf": _gguf,
    "siblings": lambda m: [{"rfilename": name} for name in m.file_names],
    "baseModels": _base_models,
    "cardData": _card_data,
    "evalResults": lambda m: m.eval_results,
    "model-index": lambda m: m.model_index,
}


class GeneratedModels:
    """All `count` models of a seed: found by id, and in the order of any sort key."""

    def __init__(self, count: int, seed: int) -> None:
        self.count = count
        self.seed = seed
        self._orders: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def __getitem__(self, index: int) -> GeneratedModel:
        return GeneratedModel(self.seed, index)

    def find(self, model_id: str) -> GeneratedModel | None:
        """Return the model of an id; the digits at its end are the index."""
        digits = model_id.rsplit("-", 1)[-1]
        if not digits.isdecimal() or int(digits) >= self.count:
            return None
        model = self[int(digits)]
        return model if model.id == model_id else None

    def order(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Return the negated keys, ascending, and the indices in that order; ties by index."""
        if key not in self._orders:
            indices = np.arange(self.count, dtype=np.uint64)
            negated = -SORT_KEYS[key](self.seed, indices).astype(np.int64)
            order = np.argsort(negated, kind="stable")
            self._orders[key] = (negated[order], order)
        return self._orders[key]

    def evaluated(self) -> list[int]:
        """List the indices of the models that hold evaluation results."""
        return np.flatnonzero(
            is_evaluated(self.seed, np.arange(self.count, dtype=np.uint64))
        ).tolist()
