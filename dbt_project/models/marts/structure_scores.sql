{% set later = var('open_llm_v2_benchmarks') + ['bigcodebench_complete', 'bigcodebench_instruct'] %}

with pretraining as (

    select
        model_id,
        tokens_trillion,
        compute_zflop
    from {{ ref('pretraining_compute') }}

),

described as not materialized (

    select
        models.model_id,
        models.date,
        models.is_moe,
        models.is_official,
        models.family,
        coalesce(own.tokens_trillion, root.tokens_trillion) as pretraining_tokens,
        coalesce(own.compute_zflop, root.compute_zflop) as pretraining_compute
    from {{ ref('models') }} as models
    -- A fine-tune was pretrained as its root model was.
    left join pretraining as own on models.model_id = own.model_id
    left join pretraining as root on models.root_model = root.model_id

),

first_leaderboard as (

    unpivot (
        select
            performance.model_id,
            performance.structure_tier,
            performance.evaluation_id,
            performance.training_type,
            performance.size,
            performance.layers,
            performance.d_model,
            performance.d_ffn,
            performance.heads,
            performance.kv_heads,
            performance.vocab_size,
            performance.pos,
            {% for benchmark in var('open_llm_v1_benchmarks') %}
                performance.{{ benchmark }},
            {% endfor %}
            case when performance.structure_tier = 'exact' then structures.head_dim end
                as head_dim,
            described.* exclude (model_id)
        from {{ ref('structure_performance') }} as performance
        inner join described using (model_id)
        left join {{ ref('model_structures') }} as structures using (model_id)
    )
    on {{ var('open_llm_v1_benchmarks') | join(', ') }}
    into name benchmark value score

),

later_leaderboards as (

    select
        scores.model_id,
        scores.benchmark,
        scores.leaderboard,
        scores.score,
        'exact' as structure_tier,
        scores.evaluation_id,
        scores.training_type,
        -- A doubtful size is left out by itself, the structure stays.
        case when structures.implausible_fields = [] then structures.size end as size,
        structures.layers,
        structures.d_model,
        structures.d_ffn,
        structures.heads,
        structures.kv_heads,
        structures.vocab_size,
        structures.pos,
        structures.head_dim,
        described.* exclude (model_id)
    from {{ ref('benchmark_scores') }} as scores
    inner join described using (model_id)
    inner join {{ ref('model_structures') }} as structures using (model_id)
    where
        scores.leaderboard in ('open_llm_v2', 'bigcodebench')
        and scores.benchmark in ({% for benchmark in later %}
            '{{ benchmark }}'{{ ',' if not loop.last }}
        {% endfor %})
        and not coalesce(scores.is_flagged, false)
        and structures.layers is not null
        and structures.d_model is not null
        and structures.heads is not null
        and structures.implausible_fields in ([], ['size'])

),

scores as (

    select
        *,
        'open_llm_v1' as leaderboard
    from first_leaderboard
    union all by name
    select * from later_leaderboards

),

grouped as (

    {{ with_structure_group('scores', 'benchmark, structure_tier') }}

)

select
    grouped.model_id,
    grouped.benchmark,
    grouped.leaderboard,
    grouped.score,
    grouped.structure_tier,
    grouped.structure_group,
    grouped.size,
    grouped.date,
    grouped.layers,
    grouped.d_model,
    grouped.d_ffn,
    grouped.heads,
    grouped.kv_heads,
    grouped.vocab_size,
    grouped.pos,
    grouped.head_dim,
    grouped.training_type,
    grouped.is_moe,
    grouped.is_official,
    grouped.family,
    grouped.pretraining_tokens,
    grouped.pretraining_compute,
    grouped.evaluation_id
from grouped
