"""Whatever a config.json holds, the build succeeds and the record is accounted for."""

from collections import Counter

from tests.dbt_project import mutants
from tests.dbt_project.conftest import Warehouse


def test_every_mutant_is_kept_or_set_aside_exactly_once(mutated: Warehouse) -> None:
    landed = {f"mutants:{number}" for number in range(len(mutants.texts()))}
    aside = mutated.rows(
        "select record_id from marts.rejected_records where rejected_from = 'hub_configs'"
    )
    assert max(Counter(aside).values()) == 1
    kept = {
        f"mutants:{int(model.removeprefix('mutant/'))}"
        for (model,) in mutated.rows("select model_id from marts.models")
    }
    assert kept | {record for (record,) in aside} == landed
    unreadable = mutated.rows(
        "select record_id from marts.rejected_records where rejected_from = 'hub_configs' "
        "and reason in ('invalid_json', 'not_an_object')"
    )
    assert not kept & {record for (record,) in unreadable}


def test_reasons_and_values_are_those_of_an_independent_reader(mutated: Warehouse) -> None:
    reasons = dict(
        mutated.rows(
            "select record_id, reason from marts.rejected_records "
            "where rejected_from = 'hub_configs'"
        )
    )
    structures = {
        model: dict(zip(mutants.STRUCTURAL, values, strict=True))
        for model, *values in mutated.rows(
            "select model_id, d_model, layers, heads from marts.model_structures"
        )
    }
    unknown = dict.fromkeys(mutants.STRUCTURAL)
    checked = Counter[str]()
    for number, text in enumerate(mutants.texts()):
        want = mutants.expected(text)
        reason = reasons.get(f"mutants:{number}")
        if want is None:
            continue
        if isinstance(want, str):
            assert reason == want, text[:200]
        elif reason is None:
            assert structures.get(mutants.model_id(number), unknown) == want, text[:200]
        else:
            assert reason == "wrong_type", text[:200]
            assert mutants.model_id(number) not in structures, text[:200]
        checked[reason or "kept"] += 1
    assert min(checked[kind] for kind in ("kept", "wrong_type", "invalid_json")) >= 20


def test_numbers_no_integer_can_hold_are_named(mutated: Warehouse) -> None:
    aside = mutated.rows("select record_id, field, reason from marts.rejected_records")
    named = {record for record, field, _ in aside if field == "hidden_size"}
    named |= {record for record, _, reason in aside if reason == "wrong_type"}
    impossible = {
        f"mutants:{number}"
        for number, text in enumerate(mutants.texts())
        if mutants.has_impossible_width(text)
    }
    assert len(impossible) >= 10
    assert impossible <= named
