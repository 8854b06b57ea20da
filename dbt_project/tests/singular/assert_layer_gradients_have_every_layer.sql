{{ config(meta={'dagster': {'ref': {'name': 'layer_gradients'}}}) }}

select
    result_key,
    matrix,
    count(*) as n_rows,
    any_value(n_layers) as n_layers
from {{ ref('layer_gradients') }}
group by result_key, matrix
having
    count(*) <> any_value(n_layers)
    or min(layer) <> 0
    or max(layer) <> any_value(n_layers) - 1
