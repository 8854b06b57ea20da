{{ config(materialized='incremental', incremental_strategy='append') }}

-- The leaderboard's final table, and the files of its archive, one an evaluation.
{% set scores = var('open_llm_v1_benchmarks') %}

with final_table as (

    select
        {{ record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        left(md5(
            row(
                "Model",
                "Precision",
                "Weight type",
                "Model sha",
                "date",
                "Average ⬆️",
                "ARC",
                "HellaSwag",
                "MMLU",
                "TruthfulQA",
                "Winogrande",
                "GSM8K"
            )::varchar
        ), 16) as evaluation_id,
        *
    from {{ landed('open_llm_leaderboard_v1', is_shared=true) }}

),

tabulated as (

    select
        'open_llm_leaderboard_v1' as landing_table,
        record_id,
        landed_batch,
        evaluation_id,
        coalesce({{ linked_model_id('"Model"') }}, trim("Model")) as model_id,
        "Average ⬆️" as average,
        "ARC" as arc_challenge,
        "HellaSwag" as hellaswag,
        "MMLU" as mmlu,
        "TruthfulQA" as truthfulqa,
        "Winogrande" as winogrande,
        "GSM8K" as gsm8k,
        -- Two rows spell their class with a semicolon behind every letter.
        nullif(
            nullif(
                case
                    when regexp_full_match("Architecture", '(.;)+.')
                        then replace("Architecture", ';', '')
                    else "Architecture"
                end,
                '?'
            ),
            'Unknown'
        ) as architecture,
        "Weight type" as weight_type,
        "Precision" as precision,
        nullif("Hub License", '?') as license,
        {{ stated_size('"#Params (B)"') }} as stated_size,
        "Hub ❤️" as likes,
        "Model sha" as model_sha,
        nullif("T", '?') as symbol,
        "Type" as type_text,
        -- The published table states these three the other way round: true means not.
        coalesce(not "Flagged", false) as is_flagged,
        not "Merged" as is_merged,
        not "MoE" as is_moe,
        {{ leaderboard_time('"date"') }} as evaluated_at
    from final_table

),

staged as (

    select
        *,
        null as unreadable
    from tabulated
    union all by name
    -- The archive states no flags.
    select
        *,
        false as is_flagged
    from ({{ archived_evaluations() }})

),

final as (

    select
        * exclude (unreadable),
        {{ mean_score(scores) }} as mean_score,
        evaluated_at::date as evaluated_on,
        case
            when unreadable is not null then unreadable
            when not {{ is_model_id('model_id') }} then 'invalid_model_id'
            when {{ are_fractions(scores) }} then 'scores_as_fractions'
            when abs(average - ({{ scores | join(' + ') }}) / 6) > 0.1 then 'average_mismatch'
        end as rejection_reason,
        case rejection_reason
            when 'scores_as_fractions' then mean_score::varchar
            when 'average_mismatch' then average::varchar
            else left(model_id, 200)
        end as rejected_value
    from staged

)

select * from final
