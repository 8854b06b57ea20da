"""What was exported from transformers' classes is still what they say, and counts real models."""

import math
from pathlib import Path

import duckdb
import pytest

from extract.land_snapshot import SNAPSHOT

SCHEMA = f"'{SNAPSHOT / 'config_schema.parquet'}'"
TERMS = f"'{SNAPSHOT / 'parameter_terms.parquet'}'"
VARIED = [
    "llama",
    "gpt2",
    "bloom",
    "mpt",
    "falcon",
    "dbrx",
    "bart",
    "deepseek_v3",
    "gemma3n_text",
    "llava",
    "qwen2_vl_text",
    "bert",
]


def rows(query: str, *parameters: object) -> list[tuple]:
    return duckdb.execute(query, parameters).fetchall()


def keys(model_type: str, field: str) -> list[tuple]:
    return rows(
        "select json_path, default_value, derived_from, is_invariant "
        f"from {SCHEMA} where model_type = ? and field = ? order by preference, json_path",
        model_type,
        field,
    )


def count(model_type: str, active: bool = False, **values: float) -> float:
    """Evaluate a shipped formula; fields that are not given count as zero."""
    values["untied"] = 1 - values.pop("tied", 0)
    values["sparse_layers"] = values["layers"] - values.get("dense_layers", 0)
    total = 0.0
    terms = rows(
        f"select component, term, coefficient from {TERMS} where model_type = ?", model_type
    )
    assert terms
    for component, term, coefficient in terms:
        chosen = dict(values)
        if active and component == "experts":
            chosen["experts"] = chosen["active_experts"]
        factors = [] if term == "1" else term.split("*")
        total += coefficient * math.prod(chosen.get(name, 0) for name in factors)
    return total


@pytest.mark.parametrize(
    ("model_type", "field", "expected"),
    [
        ("gpt2", "d_model", [("n_embd", 768, None, False), ("hidden_size", 768, None, False)]),
        ("gpt2", "d_ffn", [("n_inner", None, "4*d_model", False)]),
        ("bloom", "d_ffn", [(None, None, "4*d_model", True)]),
        ("bloom", "kv_heads", [(None, None, "heads", True)]),
        ("llama", "kv_heads", [("num_key_value_heads", 32, "heads", False)]),
        ("llama", "head_dim", [("head_dim", 128, "d_model/heads", False)]),
        ("qwen2", "kv_heads", [("num_key_value_heads", 32, None, False)]),
        ("dbrx", "kv_heads", [("attn_config.kv_n_heads", 1, None, False)]),
        ("bart", "layers", [("decoder_layers", 12, None, False)]),
        ("llava", "layers", [("text_config.num_hidden_layers", 32, None, False)]),
        ("llama4_text", "moe_d_ffn", [("intermediate_size", 8192, None, False)]),
        ("deepseek_v3", "dense_layers", [("first_k_dense_replace", 3, None, False)]),
        ("opt", "mlp_bias", [("enable_bias", 1, None, False)]),
        ("bloom", "pos", []),
    ],
)
def test_keys_of_known_classes(model_type: str, field: str, expected: list[tuple]) -> None:
    assert keys(model_type, field) == expected


def test_each_key_stands_once_and_every_type_has_a_kind() -> None:
    assert (
        rows(
            f"select model_type, field, json_path, default_text from {SCHEMA} "
            "group by all having count(*) > 1"
        )
        == []
    )
    kinds = dict(rows(f"select model_type, default_text from {SCHEMA} where field = 'kind'"))
    assert len(kinds) == rows(f"select count(distinct model_type) from {SCHEMA}")[0][0] > 800
    some = ("llama", "bert", "t5", "vit", "wav2vec2", "qwen2_vl_text", "whisper")
    assert [kinds[name] for name in some] == [
        "decoder",
        "encoder",
        "encoder_decoder",
        "vision",
        "audio",
        "decoder",
        "audio",
    ]


#: Published structures and the parameter counts of their weights.
PUBLISHED = [
    (
        "Llama-2-70B",
        68_976_648_192,
        "llama",
        "layers=80 d_model=8192 d_ffn=28672 heads=64 kv_heads=8 head_dim=128 vocab_size=32000",
    ),
    (
        "GPT-2",
        124_439_808,
        "gpt2",
        "layers=12 d_model=768 d_ffn=3072 vocab_size=50257 pos=1024 tied=1",
    ),
    (
        "Mixtral-8x7B",
        46_702_792_704,
        "mixtral",
        "layers=32 d_model=4096 moe_d_ffn=14336 heads=32 kv_heads=8 head_dim=128 "
        "experts=8 vocab_size=32000",
    ),
    (
        "Qwen2.5-0.5B",
        494_032_768,
        "qwen2",
        "layers=24 d_model=896 d_ffn=4864 heads=14 kv_heads=2 head_dim=64 vocab_size=151936 tied=1",
    ),
    (
        "Gemma-2-2B",
        2_614_341_888,
        "gemma2",
        "layers=26 d_model=2304 d_ffn=9216 heads=8 kv_heads=4 head_dim=256 "
        "vocab_size=256000 tied=1",
    ),
    (
        "Pythia-70M",
        70_426_624,
        "gpt_neox",
        "layers=6 d_model=512 d_ffn=2048 heads=8 head_dim=64 vocab_size=50304 attention_bias=1",
    ),
    (
        "BLOOM-560M",
        559_214_592,
        "bloom",
        "layers=24 d_model=1024 vocab_size=250880 tied=1",
    ),
    (
        "Falcon-7B",
        6_921_720_704,
        "falcon",
        "layers=32 d_model=4544 d_ffn=18176 heads=71 kv_heads=1 head_dim=64 "
        "vocab_size=65024 tied=1",
    ),
    (
        "StarCoderBase",
        15_517_456_384,
        "gpt_bigcode",
        "layers=40 d_model=6144 d_ffn=24576 heads=48 kv_heads=1 head_dim=128 "
        "vocab_size=49152 pos=8192 tied=1",
    ),
    (
        "Qwen1.5-MoE-A2.7B",
        14_315_784_192,
        "qwen2_moe",
        "layers=24 d_model=2048 moe_d_ffn=1408 shared_d_ffn=5632 heads=16 kv_heads=16 "
        "head_dim=128 experts=60 vocab_size=151936 attention_bias=1",
    ),
    (
        "gpt-oss-20b",
        20_914_757_184,
        "gpt_oss",
        "layers=24 d_model=2880 moe_d_ffn=2880 heads=64 kv_heads=8 head_dim=64 experts=32 "
        "vocab_size=201088 attention_bias=1",
    ),
    (
        "DBRX",
        131_596_523_520,
        "dbrx",
        "layers=40 d_model=6144 moe_d_ffn=10752 heads=48 kv_heads=8 head_dim=128 "
        "experts=16 vocab_size=100352",
    ),
    (
        "Jamba-v0.1",
        51_570_323_328,
        "jamba",
        "layers=32 d_model=4096 d_ffn=14336 moe_d_ffn=14336 heads=32 kv_heads=8 "
        "head_dim=128 experts=16 vocab_size=65536",
    ),
    (
        "the language model of Qwen2-VL-7B",
        7_615_616_512,
        "qwen2_vl_text",
        "layers=28 d_model=3584 d_ffn=18944 heads=28 kv_heads=4 head_dim=128 vocab_size=152064",
    ),
]


@pytest.mark.parametrize(
    ("expected", "model_type", "structure"),
    [pytest.param(*published, id=name) for name, *published in PUBLISHED],
)
def test_formulas_give_published_parameter_counts(
    expected: int, model_type: str, structure: str
) -> None:
    values = dict(pair.split("=") for pair in structure.split())
    assert count(model_type, **{name: int(value) for name, value in values.items()}) == expected


def test_experts_give_deepseek_v3s_published_sizes() -> None:
    """671 billion, of which 37 billion work on a token; its routing biases are buffers."""
    structure = {
        "layers": 61,
        "dense_layers": 3,
        "d_model": 7168,
        "d_ffn": 18432,
        "moe_d_ffn": 2048,
    }
    structure |= {"heads": 128, "q_lora_rank": 1536, "kv_lora_rank": 512, "qk_nope_head_dim": 128}
    structure |= {"qk_rope_head_dim": 64, "v_head_dim": 128, "experts": 256, "active_experts": 8}
    structure |= {"shared_experts": 1, "shared_d_ffn": 2048, "vocab_size": 129280}
    assert count("deepseek_v3", **structure) == 671_026_419_200 - 58 * 256
    assert count("deepseek_v3", active=True, **structure) == pytest.approx(37.55e9, rel=1e-3)


def test_a_missing_q_lora_rank_has_an_equivalent_one() -> None:
    """DeepSeek-V2-Lite has one query matrix; only the norm between two factors is counted extra."""
    width = 16 * (128 + 64)
    structure = {"layers": 27, "dense_layers": 1, "d_model": 2048, "d_ffn": 10944, "heads": 16}
    structure |= {"moe_d_ffn": 1408, "experts": 64, "shared_experts": 2, "shared_d_ffn": 2816}
    structure |= {"kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64}
    structure |= {"v_head_dim": 128, "vocab_size": 102400}
    rank = 2048 * width / (2048 + width)
    counted = count("deepseek_v2", q_lora_rank=rank, **structure)
    assert counted - 15_706_484_224 == pytest.approx(27 * rank)


def test_nearly_all_generative_types_are_counted_and_failures_say_why() -> None:
    counted, failed = rows(
        "select count(distinct model_type) filter (failure is null), "
        f"count(*) filter (failure <> '') from {TERMS}"
    )[0]
    assert counted / (counted + failed) > 0.95
    known = {name for (name,) in rows(f"select distinct field from {SCHEMA}")}
    used = {n for (t,) in rows(f"select distinct term from {TERMS}") for n in str(t).split("*")}
    assert used - known <= {"untied", "sparse_layers", "1", "None"}


def test_active_parameters_can_be_told_wherever_there_are_experts() -> None:
    """A tensor of experts that is counted without their number would be active as a whole."""
    without = (
        f"from {TERMS} where component = 'experts' "
        "and not list_contains(string_split(term, '*'), 'experts')"
    )
    assert rows(without) == []


def test_the_classes_still_say_what_was_exported(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from extract.config_schema import export_config_schema, write

    write(export_config_schema(VARIED), "config_schema", tmp_path)
    fresh = f"'{tmp_path / 'config_schema.parquet'}'"
    shipped = f"(from {SCHEMA} where model_type in (from (values {_values(VARIED)})))"
    assert (
        rows(f"(from {fresh} except from {shipped}) union all (from {shipped} except from {fresh})")
        == []
    )


def test_the_models_still_have_the_parameters_that_were_exported(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from extract.config_schema import export_config_schema
    from extract.parameter_terms import export_parameter_terms

    names = ["llama", "gpt2", "mixtral", "deepseek_v3"]
    fresh = export_parameter_terms(export_config_schema(names), tmp_path / "work", names)
    found = {(r["model_type"], r["component"], r["term"], r["coefficient"]) for r in fresh}
    shipped = rows(
        f"select model_type, component, term, coefficient from {TERMS} "
        f"where model_type in (from (values {_values(names)}))"
    )
    assert found == set(shipped)


def _values(names: list[str]) -> str:
    return ", ".join(f"('{name}')" for name in names)
