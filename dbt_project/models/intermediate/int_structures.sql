{{ config(materialized='incremental') }}

with pivoted as (

    select
        model_id,
        {% for field in var('structural_fields') if field != 'expansion_ratio' %}
            max(value) filter (field = '{{ field }}' and is_chosen) as {{ field }},
        {% endfor %}
        any_value(schema_type) filter (field = 'd_model' and is_chosen) as schema_type,
        list_sort(list(distinct source) filter (is_chosen)) as config_sources,
        coalesce(list_sort(list(distinct field) filter (has_conflict and is_chosen)), [])
            as conflicting_fields,
        coalesce(list_sort(list(distinct field) filter (not is_plausible and is_chosen)), [])
            as implausible_fields,
        count(*) filter (is_chosen and is_plausible) as n_plausible,
        bool_or(completeness = 'verbatim') as has_verbatim_config,
        first(schema_type order by trust, source) filter (schema_type is not null) as config_type
    from {{ ref('int_structure_values_ranked') }}
    group by model_id

)

select * from pivoted
