{{ config(meta={'dagster': {'ref': {'name': 'structure_performance'}}}) }}

-- Each model of the first leaderboard is kept or rejected, never both.
with candidates as (

    select distinct aliases.model_id
    from {{ ref('stg_landing__open_llm_leaderboard_v1') }} as staged
    inner join {{ ref('int_model_aliases') }} as aliases on staged.model_id = aliases.seen_id
    where
        staged.rejection_reason is null
        and staged.record_id not in (
            select set_aside.record_id
            from {{ ref('int_evaluations_set_aside') }} as set_aside
            where set_aside.landing_table = 'open_llm_leaderboard_v1'
        )

),

decided as (

    select model_id from {{ ref('structure_performance') }}
    union all
    select model_id from {{ ref('rejected_records') }}
    where rejected_from = 'structure_performance'

)

select
    model_id,
    count(decided.model_id) as decisions
from candidates
full join decided using (model_id)
group by model_id
having count(decided.model_id) <> 1 or count(candidates.model_id) <> 1
