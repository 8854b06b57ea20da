{{ config(meta={'dagster': {'ref': {'name': 'size_classes'}}}) }}

-- Every size is in exactly one class.
select *
from {{ ref('size_classes') }}
qualify
    lower <> coalesce(lag(upper) over (order by position), 0)
    or upper <= lower
    or upper is null and position <> max(position) over ()
    or upper is not null and position = max(position) over ()
