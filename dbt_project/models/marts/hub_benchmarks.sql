with official as (

    select distinct dataset_id from {{ ref('stg_landing__hub_benchmarks') }}

),

results as (

    select
        leaderboard,
        coalesce(dataset_id, '') as dataset_id,
        coalesce(task_id, '') as task_id,
        benchmark,
        is_mapped,
        count(*) filter (rejection_reason is null) as n_results,
        count(distinct model_id) filter (rejection_reason is null) as n_models,
        count(*) filter (rejection_reason is not null) as n_rejected,
        min(stated_value) as lowest_value,
        max(stated_value) as highest_value,
        max(evaluated_on) as newest_result_on
    from {{ ref('int_hub_results') }}
    group by all

),

final as (

    select
        results.*,
        official.dataset_id is not null as is_official
    from results
    left join official using (dataset_id)
    union all by name
    -- Those without a result too.
    select
        'hub_eval_results' as leaderboard,
        official.dataset_id,
        '' as task_id,
        official.dataset_id as benchmark,
        false as is_mapped,
        0 as n_results,
        0 as n_models,
        0 as n_rejected,
        true as is_official
    from official
    anti join (
        select results.dataset_id from results
        where results.leaderboard = 'hub_eval_results'
    ) as ranked using (dataset_id)

)

select * from final
