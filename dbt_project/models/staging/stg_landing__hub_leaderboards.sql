{{ config(materialized='incremental', incremental_strategy='append') }}

with source as (

    select
        {{ record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        dataset_id,
        nullif(task_id, '') as task_id,
        nullif(model_id, '') as model_id,
        fetched_at,
        payload,
        case when json_valid(payload) then payload::json end as entry
    from {{ landed('hub_leaderboards') }}

),

final as (

    select
        record_id,
        landed_batch,
        dataset_id,
        task_id,
        model_id,
        fetched_at,
        entry -> '$.value' as value,
        entry ->> '$.filename' as filename,
        coalesce(try_cast(entry ->> '$.verified' as boolean), false) as is_verified,
        entry ->> '$.pullRequest' as pull_request,
        entry ->> '$.source.name' as source_name,
        entry ->> '$.source.url' as source_url,
        entry ->> '$.notes' as notes,
        case
            when entry is null then 'invalid_json'
            when json_type(entry) <> 'OBJECT' then 'not_an_object'
            when not {{ is_model_id('model_id') }} then 'invalid_model_id'
        end as rejection_reason,
        left(
            case when json_type(entry) = 'OBJECT' then model_id else payload end, 200
        ) as rejected_value
    from source

)

select * from final
