with evaluations as (

    -- The best evaluation of each model; its six scores stay together.
    select * from {{ ref('int_evaluations') }}
    where leaderboard = 'open_llm_v1' and evidence_rank = 1

),

with_config as (

    select distinct model_id from {{ ref('stg_landing__hub_configs') }}

),

scores as (

    select
        evaluation_id,
        {% for benchmark in var('open_llm_v1_benchmarks') %}
            max(score) filter (benchmark = '{{ benchmark }}') as {{ benchmark }},
        {% endfor %}
        count(*) as n_scores
    from {{ ref('int_scores') }}
    where leaderboard = 'open_llm_v1' and rejection_reason is null
    group by evaluation_id

),

final as (

    select
        evaluations.model_id,
        evaluations.evaluation_id,
        evaluations.precision,
        evaluations.training_type,
        {% for benchmark in var('open_llm_v1_benchmarks') %}
            scores.{{ benchmark }},
        {% endfor %}
        structures.* exclude (model_id),
        case
            when
                structures.layers is null
                or structures.d_model is null
                or structures.heads is null
                then 'structure_missing'
            -- A doubtful size is left out by itself, the structure stays.
            when structures.implausible_fields not in ([], ['size']) then 'impossible_value'
            when evaluations.is_flagged then 'flagged_by_leaderboard'
            when coalesce(scores.n_scores, 0) < {{ var('open_llm_v1_benchmarks') | length }}
                then 'scores_missing'
        end as rejection_reason
    from evaluations
    semi join with_config using (model_id)
    left join {{ ref('int_structures') }} as structures using (model_id)
    left join scores using (evaluation_id)

)

select * from final
