{{ config(tags=['work']) }}

{% set run = ['leaderboard', 'model_id', 'precision', 'weight_type', 'model_sha', 'evaluated_on'] %}
-- Some copies of the leaderboards are rounded to two decimals.
{% set rounding = 0.01 %}

with scores as (

    select * from {{ ref('int_scores') }}

),

evaluations as (

    select * from {{ ref('int_evaluations') }}
    {{ only_changed('model_id', or_null=true) }}

),

-- Records of one and the same run; few evaluations have a second one.
repeated as (

    select
        leaderboard,
        evaluation_id,
        evidence_rank,
        min(evaluation_id) over one_run as run_id
    from evaluations
    where model_id is not null
    window one_run as (partition by {{ run | join(', ') }})
    qualify count(*) over one_run > 1

),

rerun as (

    select
        repeated.leaderboard,
        repeated.evaluation_id,
        scores.benchmark,
        scores.score,
        -- The one that the rest of the warehouse chooses.
        arg_min(scores.score, repeated.evidence_rank) over one_score as chosen_score,
        max(scores.score) over one_score - min(scores.score) over one_score as spread
    from repeated
    inner join scores using (leaderboard, evaluation_id)
    where scores.rejection_reason is null
    window one_score as (partition by repeated.leaderboard, repeated.run_id, scores.benchmark)

),

failed as (

    select
        suspects.leaderboard,
        suspects.evaluation_id,
        suspects.benchmark
    from scores as suspects
    inner join {{ ref('generation_checks') }} as checks using (leaderboard, benchmark)
    inner join scores as witnesses
        on
            suspects.leaderboard = witnesses.leaderboard
            and suspects.evaluation_id = witnesses.evaluation_id
            and checks.witness = witnesses.benchmark
    where
        suspects.score = 0
        and suspects.rejection_reason is null
        and witnesses.score >= checks.lowest
        and witnesses.rejection_reason is null

),

final as (

    select
        scores.*,
        failed.benchmark is not null as is_failed_generation,
        coalesce(rerun.spread > {{ rounding }}, false) as is_contradicted,
        is_contradicted and abs(scores.score - rerun.chosen_score) > {{ rounding }} as is_set_aside
    from scores
    left join failed using (leaderboard, evaluation_id, benchmark)
    left join rerun using (leaderboard, evaluation_id, benchmark)

)

select * from final
