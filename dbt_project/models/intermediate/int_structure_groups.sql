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

),

grouped as (

    {{ with_structure_group('candidates', 'structure_tier') }}

)

select
    model_id,
    structure_group
from grouped
