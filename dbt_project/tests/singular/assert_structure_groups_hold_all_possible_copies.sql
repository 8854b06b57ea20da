{{ config(meta={'dagster': {'ref': {'name': 'structure_performance'}}}) }}

-- Two models of a tier that could share layers, d_model, heads and d_ffn must be in one group.
select
    one.model_id,
    other.model_id as possible_copy
from {{ ref('structure_performance') }} as one
inner join {{ ref('structure_performance') }} as other
    on
        one.structure_tier = other.structure_tier
        and one.layers = other.layers
        and one.d_model = other.d_model
        and one.heads = other.heads
        and (one.d_ffn = other.d_ffn or one.d_ffn is null or other.d_ffn is null)
where one.structure_group <> other.structure_group
