{{ config(tags=['work']) }}

-- depends_on: {{ ref('int_resized_keys') }}
with judged as (

    select
        size_values.* exclude (may_be_chosen),
        coalesce(types.is_reproduced, false) as has_formula,
        size_values.may_be_chosen and (size_values.source <> 'computed' or has_formula)
            as may_be_chosen
    from {{ ref('int_size_values') }} as size_values
    left join {{ ref('int_formula_types') }} as types using (language_type)
    {{ only_resized('size_values.model_id') }}

)

select
    *,
    may_be_chosen
    and row_number() over (
        partition by model_id
        order by may_be_chosen desc, is_plausible desc, preference
    ) = 1 as is_chosen
from judged
