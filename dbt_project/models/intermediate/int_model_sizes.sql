{{ config(
    materialized='incremental',
    meta={'replaces': is_resized()},
) }}

select
    model_id,
    max(parameters) filter (is_chosen) / 1e9 as size,
    any_value(source) filter (is_chosen) as size_source,
    coalesce(bool_and(is_plausible) filter (is_chosen), true) as is_plausible,
    any_value(computed_parameters) / 1e9 as computed_size,
    any_value(computed_active_parameters) / 1e9 as computed_active_size,
    any_value(language_type) as language_type,
    bool_or(has_formula) as has_formula,
    -- Of what may be chosen: a quantised repository's total is no parameter count to begin with.
    bool_or(disagrees) filter (may_be_chosen) as has_size_conflict
from {{ ref('int_size_values_ranked') }}
group by model_id
