{{ config(
    severity='warn',
    meta={'dagster': {'ref': {'name': 'structure_performance'}}}
) }}

-- Fields are imputed one by one; together they should be a structure that exists.
select imputed.*
from {{ ref('structure_performance') }} as imputed
anti join {{ ref('int_structures_exact') }} as exact
    on
        imputed.layers = exact.layers
        and imputed.d_model = exact.d_model
        and imputed.heads = exact.heads
        and (imputed.d_ffn is null or exact.d_ffn is null or imputed.d_ffn = exact.d_ffn)
where imputed.structure_tier = 'imputed'
