select
    levels.model_type,
    levels.language_path,
    levels.language_type,
    levels.kind,
    {% for field in var('structural_fields') %}
        max(fields.spelling) filter (fields.field = '{{ field }}') as {{ field }}_spelling,
        max(fields.default_value) filter (fields.field = '{{ field }}') as {{ field }}_default,
        max(fields.derived_from) filter (fields.field = '{{ field }}') as {{ field }}_rule,
        coalesce(bool_or(fields.is_invariant) filter (fields.field = '{{ field }}'), false)
            as {{ field }}_is_invariant,
    {% endfor %}
    -- Whether a key is read that the general spellings do not have.
    coalesce(bool_or(not list_has_all(general.json_paths, fields.json_paths)), false)
    or bool_or(conditional.model_type is not null) as reads_own_keys
from {{ ref('int_config_type_levels') }} as levels
left join {{ ref('int_config_type_fields') }} as fields using (model_type)
left join {{ ref('int_config_spellings') }} as general
    on fields.field = general.field and general.spelling is null
left join (
    select distinct model_type from {{ ref('config_conditions') }}
) as conditional using (model_type)
group by all
