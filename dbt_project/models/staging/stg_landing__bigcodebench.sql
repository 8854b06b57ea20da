with source as (

    select
        {{ record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        md5(row(split, name, link, complete, instruct)::varchar) as evaluation_id,
        *
    from {{ source('landing', 'bigcodebench') }}

),

renamed as (

    select
        record_id,
        landed_batch,
        evaluation_id,
        coalesce(name, 'unnamed') as model_name,
        nullif(
            regexp_extract(link, '^https?://huggingface\.co/([^/?#]+/[^/?#]+)/?$', 1), ''
        ) as model_id,
        split,
        complete,
        instruct,
        case when size > 0 and isfinite(size) then size end as stated_size,
        case when act_param > 0 and isfinite(act_param) then act_param end as stated_active_size,
        moe as is_moe,
        {{ leaderboard_date('"date"') }} as released_on
    from source

),

final as (

    select
        *,
        case
            when model_id is not null and not {{ is_model_id('model_id') }} then 'invalid_model_id'
            when row_number() over (partition by evaluation_id order by record_id) > 1
                then 'duplicate_record'
        end as rejection_reason
    from renamed

)

select * from final
