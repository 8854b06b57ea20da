{{ config(meta={'dagster': {'ref': {'name': 'structure_performance'}}}) }}

-- Two models of a tier that could share layers, d_model, heads and d_ffn must be in one group:
-- those with the same d_ffn, and all of them where one has none.
select
    structure_tier,
    layers,
    d_model,
    heads,
    d_ffn
from {{ ref('structure_performance') }}
group by all
having count(distinct structure_group) > 1
union all
select
    structure_tier,
    layers,
    d_model,
    heads,
    null as d_ffn
from {{ ref('structure_performance') }}
group by structure_tier, layers, d_model, heads
having bool_or(d_ffn is null) and count(distinct structure_group) > 1
