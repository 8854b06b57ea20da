{{ config(materialized='incremental', incremental_strategy='append') }}

with source as (

    select
        {{ first_record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        model_id,
        coalesce(source, 'unknown') as source,
        crawled_at,
        sha,
        payload,
        json_valid(payload) as is_json
    from {{ landed('hub_models') }}

),

parsed as (

    select
        *,
        is_json and json_type(case when is_json then payload end) = 'OBJECT' as is_object,
        from_json(
            case when is_json and json_type(payload) = 'OBJECT' then payload end,
            '{"author": "VARCHAR", "createdAt": "VARCHAR", "downloads": "VARCHAR",
              "likes": "VARCHAR", "tags": "JSON", "pipeline_tag": "VARCHAR", "config": "JSON",
              "safetensors": "JSON", "library_name": "VARCHAR", "baseModels": "JSON",
              "cardData": "JSON", "evalResults": "JSON", "model-index": "JSON", "sha": "VARCHAR",
              "gated": "VARCHAR", "lastModified": "VARCHAR", "downloadsAllTime": "VARCHAR"}'
        ) as listing
    from source

),

final as (

    select
        record_id,
        landed_batch,
        model_id,
        source,
        crawled_at,
        coalesce(
            listing.author,
            case when contains(model_id, '/') then split_part(model_id, '/', 1) end
        ) as author,
        (try_cast(listing."createdAt" as timestamptz) at time zone 'UTC')::date as created_on,
        -- Both counts at 0 stand for a page that was not counted, not for one that nobody liked.
        nullif(try_cast(listing.likes as bigint), 0) is null
        and nullif(try_cast(listing.downloads as bigint), 0) is null as is_uncounted,
        case when not is_uncounted then try_cast(listing.downloads as bigint) end as downloads,
        case when not is_uncounted then try_cast(listing.likes as bigint) end as likes,
        listing.pipeline_tag,
        listing.config ->> '$.architectures[0]' as architecture,
        nullif(listing.config ->> '$.model_type', 'unknown') as model_type,
        coalesce(try_cast(listing.tags as varchar[]), []) as tags,
        listing.library_name,
        listing.config ->> '$.quantization_config.quant_method' as quantization_method,
        -- The same bases stand in three places, of which a listing may have any.
        list_sort(list_distinct(list_filter(
            list_concat(
                coalesce(listing."baseModels" ->> '$.models[*].id', []),
                case json_type(listing."cardData", '$.base_model')
                    when 'ARRAY' then listing."cardData" ->> '$.base_model[*]'
                    when 'VARCHAR' then [listing."cardData" ->> '$.base_model']
                    else []
                end,
                list_transform(
                    tags,
                    lambda tag: regexp_extract(tag, '^base_model:(?:[a-z]+:)?([^:]+)$', 1)
                )
            ),
            lambda base: {{ is_model_id('base') }} and lower(base) <> lower(model_id)
        ))) as base_models,
        lower(coalesce(
            listing."baseModels" ->> '$.relation',
            listing."cardData" ->> '$.base_model_relation',
            nullif(
                regexp_extract(
                    array_to_string(tags, chr(10)),
                    '(?m)^base_model:(finetune|quantized|adapter|merge):',
                    1
                ),
                ''
            )
        )) as base_relation,
        try_cast(listing.safetensors ->> '$.total' as bigint) as stored_parameters,
        case when json_array_length(listing."evalResults") > 0 then listing."evalResults" end
            as eval_results,
        case when json_array_length(listing."model-index") > 0 then listing."model-index" end
            as model_index,
        coalesce(sha, listing.sha) as sha,
        listing.gated <> 'false' as is_gated,
        try_cast(listing."lastModified" as timestamptz) as last_modified,
        try_cast(listing."downloadsAllTime" as bigint) as downloads_all_time,
        case
            when not coalesce(is_json, false) then 'invalid_json'
            when not is_object then 'not_an_object'
            when not {{ is_model_id('model_id') }} then 'invalid_model_id'
        end as rejection_reason,
        left(case when is_object then model_id else payload end, 200) as rejected_value
    from parsed

)

select * from final
