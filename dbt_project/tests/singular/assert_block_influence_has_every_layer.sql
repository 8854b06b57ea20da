{{ config(meta={'dagster': {'ref': {'name': 'block_influence'}}}) }}

select
    result_key,
    count(*) as n_rows,
    any_value(n_layers) as n_layers
from {{ ref('block_influence') }}
group by result_key
having count(*) <> any_value(n_layers) or max(layer) <> any_value(n_layers) - 1
