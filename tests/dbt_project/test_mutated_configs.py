"""Whatever a config.json holds, the build succeeds and the record is accounted for."""

from collections import Counter, defaultdict

import pytest

from modelstrata.model_ids import is_model_id
from tests.dbt_project import mutants
from tests.dbt_project.config_reader import Ambiguous, ConfigReader
from tests.dbt_project.conftest import Warehouse


@pytest.fixture(scope="module")
def aside(mutated: Warehouse) -> dict[str, str]:
    """Return why each record is set aside whole."""
    rows = mutated.rows(
        "select record_id, reason from marts.rejected_records where rejected_from = 'hub_configs'"
    )
    assert len(dict(rows)) == len(rows)
    return dict(rows)


@pytest.fixture(scope="module")
def kept(mutated: Warehouse) -> set[str]:
    """Return the records that stand for their model."""
    rows = mutated.rows(
        "select record_id from intermediate.int_config_records join marts.models using (model_id) "
        "where rejection_reason is null"
    )
    assert len(set(rows)) == len(rows)
    return {record for (record,) in rows}


def test_every_mutant_is_kept_or_set_aside_exactly_once(
    mutated: Warehouse, kept: set[str], aside: dict[str, str]
) -> None:
    landed = {mutants.record_id(number) for number in range(mutants.N)}
    landed |= {f"extreme:{number}" for number in range(len(mutants.EXTREME))}
    assert len(kept) + len(aside) == len(landed)
    assert kept | set(aside) == landed
    models = mutated.one("select count(*) from marts.models")
    assert models == (len(kept),)
    # No value without a record that is kept.
    values = mutated.rows(
        "select record_id from marts.structure_values where record_id is not null union "
        "select record_id from marts.rejected_records where rejected_from = 'structure_values'"
    )
    assert {record for (record,) in values} <= kept


def test_one_record_of_each_model_is_kept_and_the_others_say_why_not(
    kept: set[str], aside: dict[str, str]
) -> None:
    own_reasons = {"invalid_utf8", "invalid_json", "not_an_object", "invalid_model_id"}
    by_model = defaultdict(list)
    for number, mutant in enumerate(mutants.mutants()):
        if aside.get(mutants.record_id(number)) not in own_reasons:
            by_model[mutant.model_id.lower()].append((mutants.record_id(number), mutant.model_id))
    seen = Counter[str | None]()
    for records in by_model.values():
        (own,) = (model for record, model in records if record in kept)
        for record, model in records:
            want = "older_config" if model == own else "other_spelling"
            assert aside.get(record) == (None if record in kept else want)
            seen[aside.get(record)] += 1
    assert min(seen["older_config"], seen["other_spelling"]) > 20


def test_reasons_and_values_are_those_of_an_independent_reader(
    mutated: Warehouse, kept: set[str], aside: dict[str, str]
) -> None:
    reader = ConfigReader(mutated)
    stated: dict[str, dict[str, int]] = defaultdict(dict)
    for record, field, value in mutated.rows(
        "select record_id, field, value from marts.structure_values "
        "where record_id is not null and found = 'explicit'"
    ):
        stated[record][field] = value
    odd: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for record, field, reason in mutated.rows(
        "select record_id, field, reason from marts.rejected_records "
        "where rejected_from = 'structure_values'"
    ):
        odd[record].add((field, reason))
    conditional = {field for _, field in reader.conditional}
    checked = Counter[str]()
    wrong = []
    for number, mutant in enumerate(mutants.mutants()):
        record = mutants.record_id(number)
        try:
            want = reader.read(mutant.text) if mutant.text is not None else "invalid_utf8"
        except Ambiguous:
            checked["ambiguous"] += 1
            continue
        if isinstance(want, str) or not is_model_id(mutant.model_id):
            found = aside.get(record)
            want = want if isinstance(want, str) else "invalid_model_id"
        elif record in aside:
            continue
        else:
            values = stated[record]
            found = ({f: v for f, v in values.items() if f in want[0] or f not in conditional}, odd[record])
        if found != want:
            wrong.append((record, mutant.text and mutant.text[:600], want, found))
        checked[want if isinstance(want, str) else "kept"] += 1
        checked.update({reason for _, reason in want[1]} if not isinstance(want, str) else ())
    assert not wrong, f"{len(wrong)} of {checked}: {wrong[:8]}"
    assert checked["kept"] > 0.6 * mutants.N
    assert checked["ambiguous"] < 0.1 * mutants.N
    few = {reason: n for reason, n in checked.items() if n < 30 and reason != "not_an_object"}
    assert not few
    assert len(checked) == 11, checked


@pytest.mark.parametrize("name", mutants.EXTREME)
def test_extreme_configs_give_what_is_in_them(
    mutated: Warehouse, aside: dict[str, str], name: str
) -> None:
    record = f"extreme:{list(mutants.EXTREME).index(name)}"
    _, want = mutants.EXTREME[name]
    if isinstance(want, str):
        assert aside[record] == want
        return
    d_model, reasons = want
    assert record not in aside
    values = mutated.rows(
        "select value from marts.structure_values where record_id = ? and field = 'd_model'", record
    )
    assert values == ([(d_model,)] if d_model else [])
    assert dict(mutated.reasons(f"extreme/{name}", "structure_values")) == reasons
