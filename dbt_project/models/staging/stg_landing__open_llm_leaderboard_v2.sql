{{ config(materialized='incremental', incremental_strategy='append') }}

{% set scores = var('open_llm_v2_benchmarks') %}

with source as (

    select
        {{ record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        {{ linked_model_id('"Model"') }} as linked_id,
        left(md5(
            row(
                coalesce(fullname, "Model"),
                linked_id,
                "Precision",
                "Weight type",
                "Model sha",
                "Submission Date",
                "Average ⬆️",
                "IFEval",
                "BBH",
                "MATH Lvl 5",
                "GPQA",
                "MUSR",
                "MMLU-PRO"
            )::varchar
        ), 16) as evaluation_id,
        *
    from {{ landed('open_llm_leaderboard_v2') }}

),

renamed as (

    select
        record_id,
        landed_batch,
        evaluation_id,
        -- Flagged entries carry a remark behind the id.
        nullif(regexp_replace(trim(fullname), '\s+has been flagged.*$', ''), '') as full_name,
        -- The link leads to the repository; the name beside it is text, or missing.
        coalesce(linked_id, full_name) as model_id,
        coalesce(full_name, model_id) as model_name,
        "Average ⬆️" as average,
        "IFEval" as ifeval,
        "BBH" as bbh,
        "MATH Lvl 5" as math_lvl_5,
        "GPQA" as gpqa,
        "MUSR" as musr,
        "MMLU-PRO" as mmlu_pro,
        {{ mean_score(scores) }} as mean_score,
        "IFEval Raw" * 100 as ifeval_raw,
        "BBH Raw" * 100 as bbh_raw,
        "MATH Lvl 5 Raw" * 100 as math_lvl_5_raw,
        "GPQA Raw" * 100 as gpqa_raw,
        "MUSR Raw" * 100 as musr_raw,
        "MMLU-PRO Raw" * 100 as mmlu_pro_raw,
        nullif(nullif("Architecture", '?'), 'Unknown') as architecture,
        "Weight type" as weight_type,
        "Precision" as precision,
        nullif("Hub License", '?') as license,
        nullif({{ stated_size('"#Params (B)"') }}, 0) as stated_size,
        try_cast("Hub ❤️" as bigint) as likes,
        "Model sha" as model_sha,
        "T" as symbol,
        "Type" as type_text,
        coalesce("Flagged", false)
        or coalesce(contains(fullname, 'has been flagged'), false) as is_flagged,
        "Merged" as is_merged,
        "MoE" as is_moe,
        "Official Providers" as is_official,
        nullif(nullif(regexp_replace("Base Model", ' \(Merge\)$', ''), ''), 'Removed')
            as base_model,
        {{ leaderboard_date('"Upload To Hub Date"') }} as uploaded_on,
        {{ leaderboard_date('"Submission Date"') }} as evaluated_on
    from source

),

final as (

    select
        * exclude (full_name),
        case
            when not {{ is_model_id('model_id') }} then 'invalid_model_id'
            when {{ are_fractions(scores) }} then 'scores_as_fractions'
            when abs(average - ({{ scores | join(' + ') }}) / 6) > 0.1 then 'average_mismatch'
        end as rejection_reason,
        case rejection_reason
            when 'scores_as_fractions' then mean_score::varchar
            when 'average_mismatch' then average::varchar
            else left(model_id, 200)
        end as rejected_value
    from renamed

)

select * from final
