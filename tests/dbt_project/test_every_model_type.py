"""Every causal-LM and image-text class of transformers as the oracle of the resolved configs."""

from collections.abc import Callable

import pytest

from modelstrata.landing import prepare
from tests.dbt_project import written_configs
from tests.dbt_project.conftest import Warehouse, land_schema
from tests.dbt_project.zone import config, land

pytest.importorskip("transformers")


@pytest.fixture(scope="module")
def written(build: Callable[..., Warehouse], tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    data = tmp_path_factory.mktemp("written")
    prepare(data / "landing")
    land_schema(data / "landing")
    rows = [
        config(f"{form}/{model_type}", text, "hub", completeness="verbatim")
        for model_type in written_configs.model_types()
        if written_configs.class_default(model_type) is not None
        for form, text in written_configs.texts(model_type).items()
    ]
    land(data / "landing", "hub_configs", "written", rows)
    return build(data)


@pytest.mark.parametrize("form", ["full", "diff", "bare"])
def test_a_config_that_the_class_wrote_resolves_to_what_the_class_says(
    written: Warehouse, form: str
) -> None:
    found = {
        model_id.removeprefix(f"{form}/"): dict(
            zip(written_configs.ATTRIBUTES, values, strict=True)
        )
        for model_id, *values in written.rows(
            f"select model_id, {', '.join(written_configs.ATTRIBUTES)} "
            "from marts.model_structures where starts_with(model_id, ? || '/')",
            form,
        )
    }
    wrong = {}
    n_checked = 0
    for model_type in written_configs.model_types():
        if written_configs.class_default(model_type) is None:
            continue
        resolved = found.get(model_type, {})
        for field, value in written_configs.fields(model_type).items():
            n_checked += 1
            if resolved.get(field) != value:
                wrong[model_type, field] = (value, resolved.get(field))
    assert not wrong, f"{len(wrong)} of {n_checked}: {wrong}"
    assert n_checked > 1500


def test_parameters_counted_from_the_structure_are_those_of_the_built_model(
    written: Warehouse,
) -> None:
    counted = dict(
        written.rows(
            "select replace(model_id, 'full/', ''), sum(parameters)::bigint "
            "from marts.parameter_counts where starts_with(model_id, 'full/') group by all"
        )
    )
    not_within: dict[str, object] = {}
    for model_type in written_configs.model_types():
        built = written_configs.language_parameters(model_type)
        count = counted.get(model_type)
        if isinstance(built, str):
            not_within[model_type] = built
        elif count is None:
            not_within[model_type] = "no formula, or a variable is unknown"
        elif abs(count / built - 1) > 0.01:
            not_within[model_type] = f"{count} counted, {built} built"
    listing = "\n".join(f"{name}: {why}" for name, why in sorted(not_within.items()))
    print(f"{len(not_within)} of {len(written_configs.model_types())} not within 1 %:\n{listing}")
    assert len(not_within) <= 0.1 * len(written_configs.model_types()), listing
