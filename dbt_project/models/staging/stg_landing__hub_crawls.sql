select
    {{ record_id() }} as record_id,
    {{ landed_batch() }} as landed_batch,
    state,
    author,
    pipeline_tag,
    coalesce(is_whole, false) as is_whole,
    models,
    started_at,
    finished_at
from {{ landed('hub_crawls') }}
