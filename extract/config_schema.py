"""Export what transformers knows of its model types: `python -m extract.config_schema`.

It writes `config_schema.parquet` and `parameter_terms.parquet` (`extract/parameter_terms.py`) into
the embedded snapshot, or into `--output FOLDER`. It needs the `gpu` extra; what runs with the core
alone never imports this module.

`config_schema` has one row per model type, field and key, for every model type of CONFIG_MAPPING:

- A structural field or switch (`SPELLINGS` in `extract/config_vocabulary.py`): `json_path` is the
  dotted key from the root of a config of this type, `default_value` what the class takes for an
  absent key, and `derived_from`, which goes before the default, a rule: a field (`heads`), a
  multiple (`4*d_model`), a quotient (`d_model/heads`), a number (`1`), a product
  (`shared_experts*moe_d_ffn`) or a choice (`multi_query ? 1 : heads`). `preference` 1 is the key
  that the class writes; higher ones are its aliases. Where `is_invariant` no key can change it.
- `language_config`, `vision_config`, `audio_config`: `json_path` is where that sub-config sits and
  `default_text` its model type. A type with a language config has the rows of that config too, with
  the whole path; their defaults hold when the whole sub-config is absent.
- `architecture`: `default_text` is a class name; `preference` 1 for a causal language model, 2 for
  image and text to text, 3 for others.
- `kind`: `default_text` is decoder, encoder, encoder_decoder, vision, audio or other.
"""

import argparse
import re
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import transformers
from transformers import CONFIG_MAPPING, PretrainedConfig
from transformers.models.auto import modeling_auto
from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

from extract.config_probing import ConfigClass, Value, language_config, read, silence, sub_configs
from extract.config_vocabulary import RULES, SPELLINGS
from extract.model_shapes import reads_head_dim, shape_rules
from extract.parameter_terms import export_parameter_terms
from modelstrata.errors import ModelstrataError
from modelstrata.landing import write_atomically
from modelstrata.landing_schema import LANDING_TABLES
from modelstrata.progress import progress
from modelstrata.settings import Settings

SNAPSHOT = Path(__file__).parent / "snapshot"

Row = dict[str, Any]

#: Fields that every language model has, whether or not a key states them.
_UNIVERSAL = ("d_ffn", "kv_heads", "head_dim")
_TIE = "tie_word_embeddings"

#: Names of sub-configs that are no language model.
_TOWERS = {
    "vision_config": r"vision|visual|image|vit_|backbone",
    "audio_config": r"audio|speech|sound|acoustic|codec|mimi",
}
_AUDIO = (
    "MODEL_FOR_SPEECH_SEQ_2_SEQ",
    "MODEL_FOR_AUDIO_CLASSIFICATION",
    "MODEL_FOR_AUDIO_FRAME_CLASSIFICATION",
    "MODEL_FOR_AUDIO_XVECTOR",
    "MODEL_FOR_CTC",
    "MODEL_FOR_RNNT",
    "MODEL_FOR_TDT",
    "MODEL_FOR_TEXT_TO_SPECTROGRAM",
    "MODEL_FOR_TEXT_TO_WAVEFORM",
)
_ENCODER = ("MODEL_FOR_MASKED_LM", "MODEL_FOR_TEXT_ENCODING", "MODEL_FOR_MULTIPLE_CHOICE")
_VISION = (
    "MODEL_FOR_IMAGE",
    "MODEL_FOR_IMAGE_CLASSIFICATION",
    "MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION",
    "MODEL_FOR_BACKBONE",
    "MODEL_FOR_OBJECT_DETECTION",
    "MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION",
    "MODEL_FOR_DEPTH_ESTIMATION",
    "MODEL_FOR_MASK_GENERATION",
    "MODEL_FOR_UNIVERSAL_SEGMENTATION",
    "MODEL_FOR_SEMANTIC_SEGMENTATION",
    "MODEL_FOR_VIDEO_CLASSIFICATION",
    "MODEL_FOR_KEYPOINT_DETECTION",
    "MODEL_FOR_KEYPOINT_MATCHING",
    "MODEL_FOR_IMAGE_TO_IMAGE",
    "MODEL_FOR_IMAGE_MATTING",
    "MODEL_FOR_POSE_ESTIMATION",
    "MODEL_FOR_TEXT_RECOGNITION",
    "MODEL_FOR_TABLE_RECOGNITION",
)


def mapping_names(suffix: str) -> dict[str, tuple[str, ...]]:
    """Return the class names of a model mapping by model type."""
    names = getattr(modeling_auto, f"{suffix}_MAPPING_NAMES")
    return {
        model_type: (found,) if isinstance(found, str) else tuple(found)
        for model_type, found in names.items()
    }


class Exporter:
    """Makes the rows of `config_schema`; classes are probed once."""

    def __init__(self) -> None:
        silence()
        self._probes: dict[type[PretrainedConfig], ConfigClass] = {}
        self._fields: dict[type[PretrainedConfig], list[Row]] = {}
        self._mappings = {
            name.removesuffix("_MAPPING_NAMES"): mapping_names(name.removesuffix("_MAPPING_NAMES"))
            for name in vars(modeling_auto)
            if name.startswith("MODEL_") and name.endswith("_MAPPING_NAMES")
        }
        self._texts = {
            *self._mappings["MODEL_FOR_CAUSAL_LM"],
            *self._mappings["MODEL_FOR_IMAGE_TEXT_TO_TEXT"],
            *self._mappings["MODEL_FOR_MULTIMODAL_LM"],
            *self._mappings["MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM"],
        }

    def rows(self, model_type: str) -> list[Row]:
        """Return the rows of one model type."""
        probe = self.probe(CONFIG_MAPPING[model_type])
        root = probe.default
        path, language = language_config(root)
        rows = list(self.fields(probe.kind)) if not path else []
        if path:
            outer = self._tie(probe, path)
            rows = [
                *(r for r in self._nested(path, language) if not (outer and r["field"] == _TIE)),
                *outer,
                {
                    "field": "language_config",
                    "json_path": path,
                    "default_text": language.model_type,
                },
            ]
        for place, child in sub_configs(root):
            name = place.rpartition(".")[2]
            for field, words in _TOWERS.items():
                if re.search(words, name) and not (path and place.startswith(path)):
                    rows.append(
                        {"field": field, "json_path": place, "default_text": child.model_type}
                    )
        rows += self._architectures(model_type)
        rows.append({"field": "kind", "default_text": self._kind(model_type, root)})
        constant = {
            "model_type": model_type,
            "config_class": probe.kind.__name__,
            "transformers_version": transformers.__version__,
        }
        blank: Row = {
            "json_path": None,
            "preference": 1,
            "default_value": None,
            "default_text": None,
            "derived_from": None,
            "is_invariant": False,
        }
        return [{**constant, **blank, **row} for row in rows]

    def probe(self, kind: type[PretrainedConfig]) -> ConfigClass:
        """Return the probe of a class."""
        return self._probes.setdefault(kind, ConfigClass(kind))

    def fields(self, kind: type[PretrainedConfig]) -> list[Row]:
        """Return the field rows of a class by itself."""
        if kind not in self._fields:
            self._fields[kind] = list(self._own_fields(self.probe(kind)))
        return self._fields[kind]

    def _own_fields(self, probe: ConfigClass) -> Iterator[Row]:
        is_latent = probe.key("kv_lora_rank") is not None
        is_language = all(probe.key(name) for name in ("d_model", "heads", "vocab_size", "layers"))
        wanted = {
            field
            for field in _UNIVERSAL
            if is_language
            and not (field == "d_ffn" and probe.key("moe_d_ffn"))
            and not (is_latent and field != "d_ffn")
            and _is_open(probe, field)
        }
        shaped = shape_rules(probe, wanted) if wanted else {}
        if is_language and not is_latent:
            # What transformers assumes of any class (`get_head_shapes`), where no default model has
            # an attention to measure.
            for field, assumed in (("head_dim", "d_model/heads"), ("kv_heads", "heads")):
                if field in wanted:
                    shaped.setdefault(field, assumed)
        for field in SPELLINGS:
            known = probe.key(field)
            if field == "head_dim" and is_latent:
                # Latent attention has several; some classes keep one of them under this name.
                continue
            by_hand, _ = RULES.get((probe.model_type, field), (None, ""))
            rule = by_hand or probe.rule(field) or shaped.get(field)
            if known is None:
                yield from self._without_key(probe, field, rule)
                continue
            is_invariant = known.path is None
            for preference, path in enumerate((known.path, *known.aliases), start=1):
                yield _field_row(field, path, preference, known.default, rule, is_invariant)

    def _without_key(self, probe: ConfigClass, field: str, rule: str | None) -> Iterator[Row]:
        experts = probe.key("experts")
        if field == "moe_d_ffn" and experts and (same := probe.key("d_ffn")):
            # One width serves dense and expert layers alike.
            rule = probe.rule("d_ffn")
            for preference, path in enumerate((same.path, *same.aliases), start=1):
                yield _field_row(field, path, preference, same.default, rule, same.path is None)
        elif field == "shared_d_ffn" and probe.key("shared_experts"):
            yield _field_row(field, None, 1, None, "shared_experts*moe_d_ffn", True)
        elif rule:
            is_read = field == "head_dim" and reads_head_dim(probe)
            yield _field_row(field, field if is_read else None, 1, None, rule, not is_read)

    def _nested(self, path: str, language: PretrainedConfig) -> list[Row]:
        rows = []
        for row in self.fields(type(language)):
            own = row["json_path"]
            known = self.probe(type(language)).key(str(row["field"]))
            default = read(language, known.effect) if known else row["default_value"]
            place = f"{path}.{own}" if own else None
            rows.append({**row, "json_path": place, "default_value": _as_number(default)})
        return rows

    def _tie(self, probe: ConfigClass, path: str) -> list[Row]:
        # The outer switch decides, if there is one; the inner one counts where it is handed on.
        outer = probe.key(_TIE)
        if outer is None or outer.path is None:
            return []
        rows = [_field_row(_TIE, outer.path, 1, outer.default, None, False)]
        inner = f"{path}.{_TIE}"
        if probe.follows(_TIE, inner, outer.effect)[0]:
            rows.append(_field_row(_TIE, inner, 2, outer.default, None, False))
        return rows

    def _architectures(self, model_type: str) -> list[Row]:
        preferences: dict[str, int] = {}
        order = {"MODEL_FOR_CAUSAL_LM": 1, "MODEL_FOR_IMAGE_TEXT_TO_TEXT": 2}
        for mapping, names in self._mappings.items():
            for name in names.get(model_type, ()):
                preferences[name] = min(preferences.get(name, 3), order.get(mapping, 3))
        return [
            {"field": "architecture", "default_text": name, "preference": preference}
            for name, preference in sorted(preferences.items(), key=lambda item: item[::-1])
        ]

    def _kind(self, model_type: str, root: PretrainedConfig) -> str:
        def is_in(*mappings: str) -> bool:
            return any(model_type in self._mappings[mapping] for mapping in mappings)

        is_pair = bool(root.is_encoder_decoder)
        is_text = model_type in self._texts
        if is_pair and is_in("MODEL_FOR_SPEECH_SEQ_2_SEQ"):
            return "encoder_decoder" if is_in("MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM") else "audio"
        if is_text and is_pair:
            return "encoder_decoder"
        if is_text and not is_in("MODEL_FOR_MASKED_LM"):
            return "decoder"
        for kind, mappings in (("encoder", _ENCODER), ("audio", _AUDIO), ("vision", _VISION)):
            if is_in(*mappings):
                return kind
        return self._kind_by_use.get(model_type, "other")

    @cached_property
    def _kind_by_use(self) -> dict[str, str]:
        """Kinds of the types that are parts of others only."""
        found: dict[str, str] = {}
        for model_type in CONFIG_MAPPING_NAMES:
            root = self.probe(CONFIG_MAPPING[model_type]).default
            path, _ = language_config(root)
            for place, child in sub_configs(root):
                name = place.rpartition(".")[2]
                if place == path:
                    kind = self._kind(model_type, root) if model_type in self._texts else None
                else:
                    kind = next(
                        (
                            f.removesuffix("_config")
                            for f, w in _TOWERS.items()
                            if re.search(w, name)
                        ),
                        None,
                    )
                if kind:
                    found.setdefault(child.model_type, kind)
        return found


def _is_open(probe: ConfigClass, field: str) -> bool:
    known = probe.key(field)
    return known is None or (known.default is None and probe.rule(field) is None)


def _field_row(
    field: str,
    path: str | None,
    preference: int,
    default: Value,
    rule: str | None,
    is_invariant: bool,
) -> Row:
    return {
        "field": field,
        "json_path": path,
        "preference": preference,
        "default_value": _as_number(default),
        "derived_from": rule,
        "is_invariant": is_invariant,
    }


def _as_number(value: Value) -> float | None:
    return None if value is None else float(value)


def export_config_schema(model_types: list[str] | None = None) -> list[Row]:
    """Return the rows of `config_schema`, for all model types or some."""
    exporter = Exporter()
    names = list(model_types or CONFIG_MAPPING_NAMES)
    rows = []
    with progress("Configuration classes", len(names)) as advance:
        for name in names:
            rows += exporter.rows(name)
            advance(name)
    return rows


def write(rows: list[Row], table: str, folder: Path) -> None:
    """Write rows as a Parquet file with the landing table's columns, in a fixed order."""
    columns = LANDING_TABLES[table]
    frame = pd.DataFrame(rows, columns=list(columns))
    casts = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())

    def write_file(path: Path) -> None:
        with duckdb.connect() as connection:
            relation = connection.from_df(frame).project(casts).order("all")
            relation.write_parquet(str(path), compression="zstd")

    write_atomically(folder / f"{table}.parquet", write_file)


def main(arguments: list[str] | None = None) -> int:
    """Export both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--output", type=Path, default=SNAPSHOT, metavar="FOLDER")
    options = parser.parse_args(arguments)
    # What is counted already stays here, so that a stopped export goes on.
    work = Settings().data / "parameter_terms" / transformers.__version__
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        schema = export_config_schema()
        write(schema, "config_schema", options.output)
        write(export_parameter_terms(schema, work), "parameter_terms", options.output)
    except ModelstrataError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
