{{ config(tags=['work', 'changes']) }}

-- Models whose size may be another one, by their id in lower case: those that new batches speak
-- of, and those of a type whose formula has begun or ceased to reproduce the stated sizes. Nothing
-- where all models are built anew.
-- depends_on: {{ ref('int_formula_types') }}
-- depends_on: {{ ref('int_changed_keys') }}
{% if changes_only() %}
    select key from {{ ref('int_changed_keys') }}
    union
    select lower(sizes.model_id)
    from intermediate.int_model_sizes as sizes
    left join {{ ref('int_formula_types') }} as types using (language_type)
    where sizes.has_formula <> coalesce(types.is_reproduced, false)
    {{ left_over() }}
{% else %}
    select '' as key
    where false
{% endif %}
