{{ config(meta={'dagster': {'ref': {'name': 'architecture_counts'}}}) }}

-- Every language model of known class is in one row.
select
    sum(n_models) as n_models,
    sum(share) as share
from {{ ref('architecture_counts') }}
having
    abs(sum(share) - 1) > 1e-3
    or sum(n_models) <> any_value(n_with_architecture)
    or sum(n_models) <> (
        select count(models.architecture) from {{ ref('models') }} as models
        where coalesce(models.is_decoder, true)
    )
