{{ config(materialized='incremental') }}

-- One accepted record per model and source: under the model's own spelling first, then the newest.
with staged as (

    select
        record_id,
        model_id as seen_id,
        source,
        completeness,
        fetched_at,
        architecture,
        model_type,
        schema_type,
        config_keys,
        quantization_method
    from {{ ref('stg_landing__hub_configs') }}
    where rejection_reason is null {{ only_changed('model_id', 'and') }}

),

ranked as (

    select
        staged.*,
        aliases.model_id,
        row_number() over best as place,
        first(staged.seen_id) over best as best_seen_id
    from staged
    inner join {{ ref('int_model_aliases') }} as aliases using (seen_id)
    window best as (
        partition by aliases.model_id, staged.source
        order by
            staged.seen_id = aliases.model_id desc,
            staged.fetched_at desc nulls last,
            staged.record_id
    )

)

select
    * exclude (place, best_seen_id),
    case
        when place = 1 then null
        when seen_id = best_seen_id then 'older_config'
        else 'other_spelling'
    end as rejection_reason
from ranked
