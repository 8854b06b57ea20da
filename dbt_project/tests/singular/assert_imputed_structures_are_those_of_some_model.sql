{{ config(
    severity='warn',
    meta={'dagster': {'ref': {'name': 'structure_performance'}}}
) }}

-- Fields are imputed one by one; together they should be a structure that exists.
with exact as (

    select
        layers,
        d_model,
        heads,
        list_distinct(list(d_ffn)) as d_ffns,
        bool_or(d_ffn is null) as fits_any
    from {{ ref('int_structures_exact') }}
    group by all

)

select imputed.*
from {{ ref('structure_performance') }} as imputed
left join exact using (layers, d_model, heads)
where
    imputed.structure_tier = 'imputed'
    and (
        exact.layers is null
        or not (
            imputed.d_ffn is null
            or exact.fits_any
            or list_contains(exact.d_ffns, imputed.d_ffn)
        )
    )
