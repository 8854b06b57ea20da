{{ config(meta={'dagster': {'ref': {'name': 'structure_performance'}}}) }}

-- An imputed structure never stands in place of a model's own.
select
    performance.model_id,
    performance.structure_tier
from {{ ref('structure_performance') }} as performance
left join (
    select distinct model_id from {{ ref('int_config_records') }}
) as configs using (model_id)
where (performance.structure_tier = 'exact') <> (configs.model_id is not null)
