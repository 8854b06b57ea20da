with entries as (

    select entries.*
    from {{ ref('int_config_entries') }} as entries
    anti join {{ ref('int_configs_mistyped') }} using (record_id)
    where entries.rejection_reason is null

),

explicit as (

    select
        record_id,
        model_id,
        source,
        completeness,
        language_model_type,
        field,
        min_by(json_key, preference) as json_key,
        min_by(round(try_cast(json_value as double) * scale)::bigint, preference) as value
    from entries
    where json_type <> 'NULL'
    group by all

),

derived as (

    -- GPT-2's classes take 4 × n_embd when n_inner is there and null; an absent key says nothing.
    select
        inner_null.record_id,
        inner_null.model_id,
        inner_null.source,
        inner_null.completeness,
        inner_null.language_model_type,
        'd_ffn' as field,
        inner_null.json_key,
        4 * width.value as value
    from entries as inner_null
    inner join explicit as width
        on inner_null.record_id = width.record_id and width.field = 'd_model'
    anti join explicit as known
        on inner_null.record_id = known.record_id and known.field = 'd_ffn'
    where inner_null.json_key = 'n_inner' and inner_null.json_type = 'NULL'

),

final as (

    select
        explicit.*,
        -- The llmfit catalogue fills in hidden size / heads where a config has no head_dim.
        case
            when
                explicit.field = 'head_dim'
                and explicit.source like 'llmfit-%'
                and explicit.value = width.value // heads.value
                then 'derived'
            else 'explicit'
        end as found
    from explicit
    left join explicit as width
        on explicit.record_id = width.record_id and width.field = 'd_model'
    left join explicit as heads
        on explicit.record_id = heads.record_id and heads.field = 'heads'
    union all by name
    select
        *,
        'derived' as found
    from derived

)

select * from final
