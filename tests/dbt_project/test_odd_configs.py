"""Rules for configs and listings, on the hand-made landing zone."""

from typing import Any

import pytest

from tests.dbt_project.conftest import Warehouse


def structure(odd: Warehouse, model: str, *fields: str) -> tuple[Any, ...]:
    columns = ", ".join(fields)
    return odd.one(f"select {columns} from marts.model_structures where model_id = ?", model)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("odd/no-json", "invalid_json"),
        ("odd/no-text", "invalid_json"),
        ("odd/json-list", "not_an_object"),
        ("odd/json-null", "not_an_object"),
        ("odd/bytes", "invalid_utf8"),
    ],
)
def test_configs_of_no_use_are_set_aside_whole(odd: Warehouse, model: str, reason: str) -> None:
    assert [found for _, found in odd.reasons(model, "hub_configs")] == [reason]
    values = "from marts.structure_values where model_id = ? and record_id is not null"
    assert odd.rows(values, model) == []


def test_values_of_no_use_are_set_aside_and_their_config_stays(odd: Warehouse) -> None:
    assert structure(odd, "odd/per-layer", "d_model", "layers", "heads") == (4096, 32, None)
    assert odd.reasons("odd/per-layer", "structure_values") == [
        ("num_attention_heads", "varies_by_layer")
    ]
    assert structure(odd, "odd/half", "d_model", "layers") == (None, 2)
    assert odd.reasons("odd/half", "structure_values") == [("hidden_size", "not_an_integer")]
    assert structure(odd, "odd/quoted-half", "d_model", "layers") == (None, 2)
    assert odd.reasons("odd/quoted-half", "structure_values") == [("hidden_size", "not_an_integer")]
    assert structure(odd, "odd/truth", "d_model", "layers") == (None, 2)
    assert odd.reasons("odd/truth", "structure_values") == [("hidden_size", "wrong_type")]
    assert structure(odd, "odd/equal-list", "d_model", "heads") == (None, 8)
    assert odd.reasons("odd/equal-list", "structure_values") == [
        ("hidden_size", "varies_by_layer")
    ]


@pytest.mark.parametrize(
    ("model", "fields", "values"),
    [
        ("odd/whole-float", ("d_model",), (4096,)),
        ("odd/text", ("d_model", "layers"), (4096, 2)),
        ("odd/inner-null", ("d_model", "d_ffn"), (768, 4 * 768)),
        ("odd/inner-absent", ("d_model", "d_ffn"), (768, None)),
        ("odd/inner-stated", ("d_model", "d_ffn"), (768, 1000)),
        ("odd/nested", ("d_model", "layers"), (4096, 32)),
        ("odd/heads-only", ("heads", "kv_heads"), (32, None)),
        ("odd/qwen-type", ("d_ffn",), (11008,)),
        ("odd/qwen-class", ("d_ffn",), (11008,)),
        ("odd/qwen-2", ("d_ffn",), (22016,)),
        ("odd/mixtral", ("d_ffn", "experts"), (14336, 8)),
        ("odd/qwen-moe", ("d_ffn", "moe_d_ffn"), (None, 1408)),
        ("odd/no-source", ("d_model", "layers", "heads"), (4096, 32, 32)),
        ("odd/renewed", ("d_model",), (256,)),
    ],
)
def test_structure_is_read_by_the_rules(
    odd: Warehouse, model: str, fields: tuple[str, ...], values: tuple[Any, ...]
) -> None:
    assert structure(odd, model, *fields) == values


def test_derived_values_say_so(odd: Warehouse) -> None:
    found = odd.rows(
        "select field, found, json_path from marts.structure_values "
        "where model_id = 'odd/inner-null' order by field"
    )
    assert found == [("d_ffn", "derived", None), ("d_model", "explicit", "n_embd")]


def test_the_most_trusted_source_decides_field_by_field(odd: Warehouse) -> None:
    assert structure(odd, "odd/trust", "kv_heads", "vocab_size", "d_model") == (8, 65024, 64)
    assert structure(odd, "odd/trust-last", "vocab_size") == (50304,)
    conflicts = structure(odd, "odd/trust", "conflicting_fields")
    assert conflicts == (["kv_heads", "vocab_size"],)
    values = odd.rows(
        "select field, source, value, is_chosen, has_conflict from marts.structure_values "
        "where model_id = 'odd/trust' and field <> 'vocab_size' order by all"
    )
    assert values == [
        ("d_model", "gpu_poor-83ca8d0", 64, False, False),
        ("d_model", "llmfit-1.1.17", 64, True, False),
        ("kv_heads", "litgpt-0.5.13", 8, True, True),
        ("kv_heads", "llmfit-1.1.17", 128, False, True),
    ]


def test_impossible_values_are_kept_and_explain_nothing(odd: Warehouse) -> None:
    assert structure(odd, "odd/5000-heads", "heads", "implausible_fields") == (5000, ["heads"])
    assert odd.reasons("odd/5000-heads", "column_statistics") == [("heads", "impossible_value")]
    assert odd.reasons("odd/5000-heads", "structure_performance") == [("", "impossible_value")]
    largest = odd.rows(
        "select variant, max from marts.column_statistics where column_name = 'heads' order by all"
    )
    assert largest == [("all", 5000), ("plausible", 40)]
    both = structure(odd, "odd/5000-or-40-heads", "heads", "implausible_fields")
    assert both == (40, [])


def test_copies_and_older_ones_are_set_aside_one_by_one(odd: Warehouse) -> None:
    older = [("", "older_config")]
    assert odd.reasons("odd/twice", "hub_configs") == older * 2
    assert odd.reasons("odd/renewed", "hub_configs") == older
    history = "select count(*) from marts.model_history where model_id = 'odd/listed'"
    assert odd.one(history) == (4,)


def test_the_newest_listing_describes_the_model_in_universal_time(odd: Warehouse) -> None:
    newest = odd.one(
        "select likes, downloads, date::varchar from marts.models where model_id = 'odd/listed'"
    )
    assert newest == (2, 20, "2024-01-01")


def test_listings_of_strange_types_are_unknown_where_they_are_strange(odd: Warehouse) -> None:
    likes, is_quantized = odd.one(
        "select likes, is_quantized from marts.models where model_id = 'odd/strange-types'"
    )
    assert (likes, is_quantized) == (None, False)


def test_kinds_follow_from_configs(odd: Warehouse) -> None:
    kinds = odd.rows(
        "select model_id, is_moe, is_multimodal from marts.models where model_id in "
        "('odd/mixtral', 'odd/nested', 'odd/whole-float') order by all"
    )
    assert kinds == [
        ("odd/mixtral", True, False),
        ("odd/nested", False, True),
        ("odd/whole-float", None, None),
    ]
