with evaluations as (

    select
        'open_llm_v1' as leaderboard,
        'open_llm_leaderboard_v1' as landing_table,
        columns(
            'record_id|evaluation_id|model_id|architecture|weight_type|precision|license|likes'
            || '|stated_size|model_sha|symbol|is_flagged|is_merged|is_moe|evaluated_on'
        )
    from {{ ref('stg_landing__open_llm_leaderboard_v1') }}
    where rejection_reason is null
    union all by name
    select
        'open_llm_v2' as leaderboard,
        'open_llm_leaderboard_v2' as landing_table,
        columns(
            'record_id|evaluation_id|model_id|architecture|weight_type|precision|license|likes'
            || '|stated_size|model_sha|symbol|is_flagged|is_merged|is_moe|evaluated_on'
            || '|uploaded_on|is_official|base_model'
        )
    from {{ ref('stg_landing__open_llm_leaderboard_v2') }}
    where rejection_reason is null
    union all by name
    select
        'bigcodebench' as leaderboard,
        'bigcodebench' as landing_table,
        columns('record_id|evaluation_id|model_id|model_name|stated_size|is_moe'),
        stated_active_size,
        released_on as evaluated_on,
        false as is_flagged
    from {{ ref('stg_landing__bigcodebench') }}
    where rejection_reason is null

),

final as (

    select
        evaluations.* replace (
            aliases.model_id as model_id,
            coalesce(evaluations.model_name, evaluations.model_id) as model_name
        ),
        training.training_type,
        -- Best evidence first: not flagged, full precision, own weights, latest.
        row_number() over (
            partition by aliases.model_id, evaluations.leaderboard
            order by
                evaluations.is_flagged,
                coalesce(by_precision.rank, 3),
                coalesce(by_weight.rank, 2),
                evaluations.evaluated_on desc nulls last,
                evaluations.evaluation_id
        ) as evidence_rank
    from evaluations
    left join {{ ref('int_model_aliases') }} as aliases
        on evaluations.model_id = aliases.seen_id
    left join {{ ref('training_types') }} as training using (symbol)
    left join {{ ref('evaluation_preference') }} as by_precision
        on by_precision.attribute = 'precision' and evaluations.precision = by_precision.value
    left join {{ ref('evaluation_preference') }} as by_weight
        on by_weight.attribute = 'weight_type' and evaluations.weight_type = by_weight.value

)

select * from final
