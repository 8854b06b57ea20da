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
    count(fields.field) as n_fields
from {{ ref('int_config_type_levels') }} as levels
left join {{ ref('int_config_type_fields') }} as fields using (model_type)
group by all
