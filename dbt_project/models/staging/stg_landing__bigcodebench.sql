{{ config(materialized='incremental', incremental_strategy='append') }}

{% set scores = ['complete', 'instruct'] %}

with source as (

    select
        {{ record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        left(md5(row(split, name, link, complete, instruct)::varchar), 16) as evaluation_id,
        *
    from {{ landed('bigcodebench') }}

),

renamed as (

    select
        record_id,
        landed_batch,
        evaluation_id,
        filename,
        coalesce(name, 'unnamed') as model_name,
        nullif(
            regexp_extract(link, '^https?://huggingface\.co/([^/?#]+/[^/?#]+)/?$', 1), ''
        ) as model_id,
        split,
        complete,
        instruct,
        {{ mean_score(scores) }} as mean_score,
        nullif({{ stated_size('size') }}, 0) as stated_size,
        nullif({{ stated_size('act_param') }}, 0) as stated_active_size,
        moe as is_moe,
        {{ leaderboard_date('"date"') }} as released_on
    from source

),

final as (

    select
        * exclude (filename),
        case
            when model_id is not null and not {{ is_model_id('model_id') }} then 'invalid_model_id'
            -- No average is stated, and 1 of the hard split's 148 tasks is 0.7 %. Published are
            -- percentages to one decimal; in fractions are further decimals, or a whole batch.
            when
                {{ are_fractions(scores) }}
                and (
                    round(complete, 1) <> complete
                    or round(instruct, 1) <> instruct
                    or max(greatest(complete, instruct)) over (partition by filename) <= 1
                )
                then 'scores_as_fractions'
        end as rejection_reason,
        case rejection_reason
            when 'scores_as_fractions' then mean_score::varchar
            else left(model_id, 200)
        end as rejected_value
    from renamed

)

select * from final
