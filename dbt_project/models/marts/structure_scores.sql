{% set later = var('open_llm_v2_benchmarks') + ['bigcodebench_complete', 'bigcodebench_instruct'] %}

with first_leaderboard as (

    unpivot (
        select
            model_id,
            structure_tier,
            evaluation_id,
            training_type,
            size,
            date,
            layers,
            d_model,
            d_ffn,
            heads,
            kv_heads,
            vocab_size,
            pos,
            {{ var('open_llm_v1_benchmarks') | join(', ') }}
        from {{ ref('structure_performance') }}
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
        models.date,
        structures.layers,
        structures.d_model,
        structures.d_ffn,
        structures.heads,
        structures.kv_heads,
        structures.vocab_size,
        structures.pos
    from {{ ref('benchmark_scores') }} as scores
    inner join {{ ref('models') }} as models using (model_id)
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

),

pretraining as (

    select
        model_id,
        tokens_trillion,
        compute_zflop
    from {{ ref('pretraining_compute') }}

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
    case when grouped.structure_tier = 'exact' then structures.head_dim end as head_dim,
    grouped.training_type,
    models.is_moe,
    models.is_official,
    models.family,
    coalesce(own.tokens_trillion, root.tokens_trillion) as pretraining_tokens,
    coalesce(own.compute_zflop, root.compute_zflop) as pretraining_compute,
    grouped.evaluation_id
from grouped
inner join {{ ref('models') }} as models using (model_id)
left join {{ ref('model_structures') }} as structures using (model_id)
-- A fine-tune was pretrained as its root model was.
left join pretraining as own on grouped.model_id = own.model_id
left join pretraining as root on models.root_model = root.model_id
