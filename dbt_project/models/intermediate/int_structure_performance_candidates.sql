{% set fields = ['d_model', 'd_ffn', 'heads', 'layers', 'kv_heads', 'vocab_size', 'pos'] %}

with evaluations as (

    -- The best evaluation of each model; its six scores stay together.
    select * from {{ ref('int_evaluations') }}
    where leaderboard = 'open_llm_v1' and evidence_rank = 1

),

scores as (

    select
        evaluation_id,
        {% for benchmark in var('open_llm_v1_benchmarks') %}
            max(score) filter (benchmark = '{{ benchmark }}') as {{ benchmark }},
        {% endfor %}
        bool_or(is_failed_generation) as has_failed_generation,
        bool_or(is_contradicted) as is_contradicted,
        count(*) as n_scores
    from {{ ref('benchmark_results') }}
    where leaderboard = 'open_llm_v1'
    group by evaluation_id

),

imputed as (

    select
        {% for field in fields %}
            max(value) filter (field = '{{ field }}') as {{ field }},
        {% endfor %}
        model_id
    from {{ ref('int_structures_imputed') }}
    group by model_id

),

structures as (

    select
        model_id,
        'exact' as structure_tier,
        size,
        {{ fields | join(', ') }},
        implausible_fields,
        rejection_reason
    from {{ ref('int_structures_exact') }}
    union all by name
    select
        evaluations.model_id,
        'imputed' as structure_tier,
        sizes.size,
        imputed.* exclude (model_id),
        coalesce(sizes.implausible_fields, []) as implausible_fields,
        case
            when imputed.layers is null or imputed.d_model is null or imputed.heads is null
                then 'not_imputable'
        end as rejection_reason
    from evaluations
    anti join {{ ref('int_structures_exact') }} using (model_id)
    left join imputed using (model_id)
    left join {{ ref('model_structures') }} as sizes using (model_id)

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
        scores.has_failed_generation,
        scores.is_contradicted,
        structures.* exclude (model_id, rejection_reason),
        case
            when structures.rejection_reason is not null then structures.rejection_reason
            when evaluations.is_flagged then 'flagged_by_leaderboard'
            when coalesce(scores.n_scores, 0) < {{ var('open_llm_v1_benchmarks') | length }}
                then 'scores_missing'
        end as rejection_reason
    from evaluations
    inner join structures using (model_id)
    left join scores using (evaluation_id)

)

select * from final
