{{ config(materialized='incremental', incremental_strategy='append') }}

select
    {{ record_id() }} as record_id,
    {{ landed_batch() }} as landed_batch,
    model_id,
    coalesce(source, 'unknown') as source,
    fetched_at,
    coalesce(status, 'error') as status,
    -- Another spelling is no other id.
    case
        when
            status = 'renamed'
            and {{ is_model_id('renamed_to') }}
            and lower(renamed_to) <> lower(model_id)
            then renamed_to
    end as renamed_to,
    sha,
    case
        when not {{ is_model_id('model_id') }} then 'invalid_model_id'
        when status in ('removed', 'renamed', 'gated', 'missing') then null
        else 'lookup_failed'
    end as rejection_reason,
    coalesce(error_code, http_status::varchar, status) as rejected_value
from {{ landed('hub_removals') }}
