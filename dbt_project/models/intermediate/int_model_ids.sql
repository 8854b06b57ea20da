with ids as (

    select
        model_id,
        'hub_models' as landing_table
    from {{ ref('stg_landing__hub_models') }}
    where rejection_reason is null
    union all
    select
        model_id,
        'hub_configs' as landing_table
    from {{ ref('stg_landing__hub_configs') }}
    where rejection_reason is null
    union all
    select
        model_id,
        leaderboard as landing_table
    from {{ ref('int_evaluations') }}
    where model_id is not null
    union all
    select
        model_id,
        'pretraining_compute' as landing_table
    from {{ ref('int_pretraining_compute') }}
    where rejection_reason is null

)

select
    model_id,
    list_sort(list(distinct landing_table)) as found_in
from ids
group by model_id
