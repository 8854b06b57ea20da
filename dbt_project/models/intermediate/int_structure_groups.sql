with candidates as (

    select
        model_id,
        structure_tier,
        layers,
        d_model,
        heads,
        d_ffn
    from {{ ref('int_structure_performance_candidates') }}
    where rejection_reason is null

)

select
    model_id,
    {{ structure_group('structure_tier') }} as structure_group
from candidates
