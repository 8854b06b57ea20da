with configs as (

    select * from {{ ref('stg_landing__hub_configs') }}
    where rejection_reason is null

),

entries as (

    select
        configs.record_id,
        configs.model_id,
        configs.source,
        configs.completeness,
        configs.language_model_type,
        configs.architecture,
        entry.key as json_key,
        entry.value as json_value,
        entry.type as json_type
    from configs, json_each(configs.language_object) as entry

),

final as (

    select
        entries.record_id,
        entries.model_id,
        entries.source,
        entries.completeness,
        entries.json_key,
        entries.json_value,
        entries.json_type,
        entries.language_model_type,
        fields.field,
        fields.preference,
        fields.scale,
        case
            when entries.json_type in ('VARCHAR', 'BOOLEAN', 'OBJECT') then 'wrong_type'
            when entries.json_type = 'ARRAY' then 'varies_by_layer'
            when
                entries.json_type = 'DOUBLE'
                and try_cast(entries.json_value as double) % 1 <> 0
                then 'not_an_integer'
            -- Beyond what a bigint, or four times one, can hold.
            when
                entries.json_type <> 'NULL'
                and not coalesce(
                    try_cast(entries.json_value as double) between -9e15 and 9e15, false
                )
                then 'impossible_value'
        end as rejection_reason
    from entries
    inner join {{ ref('config_fields') }} as fields
        on
            entries.json_key = fields.json_key
            and (
                fields.model_type is null
                or entries.language_model_type = fields.model_type
                or entries.architecture = fields.architecture
            )

)

select * from final
