{{ config(materialized='incremental', incremental_strategy='append') }}

select
    {{ first_record_id() }} as record_id,
    {{ landed_batch() }} as landed_batch,
    model_id,
    coalesce(source, 'unknown') as source,
    crawled_at,
    sha,
    -- Both counts at 0 stand for a page that was not counted; as in stg_landing__hub_models.
    nullif(likes, 0) is null and nullif(downloads, 0) is null as is_uncounted,
    case when not is_uncounted then downloads end as downloads,
    case when not is_uncounted then likes end as likes,
    downloads_all_time,
    gated <> 'false' as is_gated,
    try_cast(last_modified as timestamptz) as last_modified
from {{ landed('hub_model_history') }}
