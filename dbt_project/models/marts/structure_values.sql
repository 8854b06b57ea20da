{{ config(
    materialized='incremental',
    meta={'replaces': is_changed() ~ " or found = 'imputed' or field = 'parameters' and " ~ is_resized()},
) }}

select
    model_id,
    field,
    source,
    value,
    found,
    json_path,
    completeness,
    trust,
    is_plausible,
    is_chosen,
    has_conflict,
    record_id
from {{ ref('int_structure_values_ranked') }}
union all
select
    model_id,
    'parameters' as field,
    source,
    parameters as value,
    case when source = 'computed' then 'derived' else 'explicit' end as found,
    null as json_path,
    null as completeness,
    case when may_be_chosen then preference else 1000 end as trust,
    is_plausible,
    is_chosen,
    coalesce(bool_or(disagrees) over (partition by model_id), false) as has_conflict,
    null as record_id
from {{ ref('int_size_values_ranked') }}
union all
select
    model_id,
    field,
    source,
    value::bigint as value,
    found,
    null as json_path,
    null as completeness,
    -- Never chosen for model_structures; structure_performance has a tier for it.
    1000 as trust,
    true as is_plausible,
    false as is_chosen,
    false as has_conflict,
    null as record_id
from {{ ref('int_structures_imputed') }}
