{% set run = [
    'leaderboard', 'benchmark', 'model_id', 'precision', 'weight_type', 'model_sha', 'evaluated_on'
] %}
-- Some copies of the leaderboards are rounded to two decimals.
{% set rounding = 0.01 %}

with results as (

    select
        scores.benchmark,
        scores.score,
        scores.raw_score,
        evaluations.*
    from {{ ref('int_scores') }} as scores
    inner join {{ ref('int_evaluations') }} as evaluations using (leaderboard, evaluation_id)
    where scores.rejection_reason is null

),

contradicted as (

    select
        {{ run | join(', ') }},
        -- The one that the rest of the warehouse chooses.
        arg_min(score, evidence_rank) as chosen_score
    from results
    where model_id is not null
    group by {{ run | join(', ') }}
    having max(score) - min(score) > {{ rounding }}

),

failed as (

    select
        results.leaderboard,
        results.evaluation_id,
        results.benchmark
    from results
    inner join {{ ref('generation_checks') }} as checks using (leaderboard, benchmark)
    inner join results as witnesses
        on
            results.leaderboard = witnesses.leaderboard
            and results.evaluation_id = witnesses.evaluation_id
            and checks.witness = witnesses.benchmark
    where results.score = 0 and witnesses.score >= checks.lowest

),

final as (

    select
        results.*,
        failed.benchmark is not null as is_failed_generation,
        contradicted.model_id is not null as is_contradicted,
        coalesce(abs(results.score - contradicted.chosen_score) > {{ rounding }}, false)
            as is_set_aside
    from results
    left join failed using (leaderboard, evaluation_id, benchmark)
    left join contradicted
        on
            {% for column in run %}
                {{ 'and' if not loop.first }}
                results.{{ column }} is not distinct from contradicted.{{ column }}
            {% endfor %}

)

select * from final
