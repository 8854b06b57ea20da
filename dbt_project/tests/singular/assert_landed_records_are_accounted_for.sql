{{ config(meta={'dagster': {'ref': {'name': 'rejected_records'}}}) }}

-- Every landed record is in a mart or in rejected_records, by id.
with landed as (

    select
        'hub_models' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__hub_models') }}
    union all
    -- What was compacted keeps its record's name.
    select
        'hub_models' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__hub_model_history') }}
    union all
    select
        'hub_removals' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__hub_removals') }}
    union all
    select
        'hub_configs' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__hub_configs') }}
    union all
    select
        landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__open_llm_leaderboard_v1') }}
    union all
    select
        'open_llm_leaderboard_v2' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__open_llm_leaderboard_v2') }}
    union all
    select
        'bigcodebench' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__bigcodebench') }}
    union all
    select
        'hub_leaderboards' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__hub_leaderboards') }}
    union all
    select
        'pretraining_compute' as landing_table,
        record_id,
        model_id
    from {{ ref('stg_landing__pretraining_compute') }}

),

kept as (

    select
        case history.status when 'listed' then 'hub_models' else 'hub_removals' end
            as landing_table,
        history.record_id
    from {{ ref('model_history') }} as history
    inner join {{ ref('models') }} using (model_id)
    union all
    select
        'hub_configs' as landing_table,
        records.record_id
    from {{ ref('int_config_records') }} as records
    inner join {{ ref('models') }} using (model_id)
    where records.rejection_reason is null
    union all
    select
        evaluations.landing_table,
        evaluations.record_id
    from {{ ref('int_evaluations') }} as evaluations
    semi join {{ ref('benchmark_results') }} using (leaderboard, evaluation_id)
    union all
    select
        'hub_leaderboards' as landing_table,
        unnest(ranking_records) as record_id
    from {{ ref('int_hub_results') }}
    union all
    select
        'pretraining_compute' as landing_table,
        resolved.record_id
    from {{ ref('int_pretraining_compute') }} as resolved
    inner join {{ ref('pretraining_compute') }} using (model_id)
    where resolved.rejection_reason is null

)

select landed.*
from landed
anti join kept using (landing_table, record_id)
anti join {{ ref('rejected_records') }} as rejected
    on
        landed.landing_table = rejected.rejected_from
        and landed.record_id = rejected.record_id
