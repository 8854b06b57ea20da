{{ config(materialized='ephemeral') }}

with evaluations as (

    select * from {{ ref('int_evaluations') }}
    {{ only_changed('model_id', or_null=true) }}

)

select
    evaluations.landing_table as rejected_from,
    evaluations.record_id,
    evaluations.model_id,
    scores.benchmark as field,
    scores.score::varchar as value,
    scores.rejection_reason as reason
from {{ ref('int_scores_compared') }} as scores
inner join evaluations using (leaderboard, evaluation_id)
where scores.rejection_reason is not null
union all
select
    evaluations.landing_table as rejected_from,
    evaluations.record_id,
    evaluations.model_id,
    '' as field,
    evaluations.model_name as value,
    'score_missing' as reason
from evaluations
anti join {{ ref('int_scores_compared') }} using (leaderboard, evaluation_id)
union all
select
    'benchmark_scores' as rejected_from,
    record_id,
    model_id,
    'model_id' as field,
    model_name as value,
    'no_hub_id' as reason
from evaluations
where model_id is null
union all
select
    'benchmark_scores' as rejected_from,
    evaluations.record_id,
    evaluations.model_id,
    scores.benchmark as field,
    scores.score::varchar as value,
    'contradicting_record' as reason
from {{ ref('int_scores_compared') }} as scores
inner join evaluations using (leaderboard, evaluation_id)
where scores.is_set_aside
