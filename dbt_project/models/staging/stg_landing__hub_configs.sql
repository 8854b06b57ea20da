with source as (

    select
        {{ record_id() }} as record_id,
        model_id,
        coalesce(source, 'unknown') as source,
        fetched_at,
        coalesce(completeness, 'partial') as completeness,
        config,
        json_valid(config) as is_json
    from {{ source('landing', 'hub_configs') }}

),

parsed as (

    select
        *,
        case when is_json and json_type(config) = 'OBJECT' then config::json end as object
    from source

),

levelled as (

    select
        *,
        -- A multimodal model's structure is its language model's, never its vision tower's.
        coalesce(
            case
                when json_type(object, '$.text_config') = 'OBJECT' then object -> '$.text_config'
            end,
            case
                when json_type(object, '$.llm_config') = 'OBJECT' then object -> '$.llm_config'
            end,
            case
                when json_type(object, '$.language_config') = 'OBJECT'
                    then object -> '$.language_config'
            end,
            object
        ) as language_object
    from parsed

),

renamed as (

    select
        record_id,
        model_id,
        source,
        fetched_at,
        completeness,
        object ->> '$.architectures[0]' as architecture,
        nullif(object ->> '$.model_type', 'unknown') as model_type,
        nullif(
            coalesce(language_object ->> '$.model_type', object ->> '$.model_type'), 'unknown'
        ) as language_model_type,
        list_filter(
            json_keys(object),
            lambda key: key <> 'quantization_config'
            or json_type(object, '$.quantization_config') <> 'NULL'
        ) as config_keys,
        language_object,
        case
            when not coalesce(is_json, false) then 'invalid_json'
            when object is null then 'not_an_object'
            when not {{ is_model_id('model_id') }} then 'invalid_model_id'
        end as rejection_reason,
        left(case when object is null then config else model_id end, 200) as rejected_value
    from levelled

),

final as (

    select
        * exclude (rejection_reason),
        case
            when rejection_reason is not null then rejection_reason
            when row_number() over newest > 1 then 'older_config'
        end as rejection_reason
    from renamed
    window newest as (
        partition by model_id, source, rejection_reason is null
        order by fetched_at desc nulls last, record_id
    )

)

select * from final
