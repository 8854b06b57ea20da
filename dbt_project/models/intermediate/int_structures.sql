with chosen as (

    select * from {{ ref('int_structure_values_ranked') }}
    where is_chosen

),

pivoted as (

    select
        model_id,
        {% for field in var('structural_fields') if field != 'expansion_ratio' %}
            max(value) filter (field = '{{ field }}') as {{ field }},
        {% endfor %}
        any_value(schema_type) filter (field = 'd_model') as schema_type,
        list_sort(list(distinct source)) as config_sources,
        coalesce(list_sort(list(distinct field) filter (has_conflict)), []) as conflicting_fields,
        coalesce(list_sort(list(distinct field) filter (not is_plausible)), [])
            as implausible_fields
    from chosen
    group by model_id

),

completeness as (

    select
        model_id,
        bool_or(completeness = 'verbatim') as has_verbatim_config
    from {{ ref('int_structure_values_ranked') }}
    group by model_id

)

select
    ids.model_id,
    sizes.size,
    sizes.size_source,
    sizes.computed_size,
    sizes.has_size_conflict,
    pivoted.* exclude (model_id, conflicting_fields, implausible_fields),
    coalesce(pivoted.conflicting_fields, []) as conflicting_fields,
    list_concat(
        coalesce(pivoted.implausible_fields, []),
        case when coalesce(sizes.is_plausible, true) then [] else ['size'] end
    ) as implausible_fields,
    coalesce(completeness.has_verbatim_config, false) as has_verbatim_config
from {{ ref('int_model_ids') }} as ids
left join pivoted using (model_id)
left join {{ ref('int_model_sizes') }} as sizes using (model_id)
left join completeness using (model_id)
where pivoted.model_id is not null or sizes.size is not null
