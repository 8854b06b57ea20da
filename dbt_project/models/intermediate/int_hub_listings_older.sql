{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('model_id')},
) }}

-- depends_on: {{ ref('int_changed_keys') }}
-- Of several readable listings under one id the newest counts; these do not.
with listings as (

    select
        record_id,
        model_id,
        crawled_at
    from {{ ref('stg_landing__hub_models') }}
    where rejection_reason is null {{ only_changed('model_id', 'and') }}

),

-- Only these need an order, which costs far more than a count.
repeated as (

    select model_id from listings
    group by model_id
    having count(*) > 1

)

select
    listings.record_id,
    listings.model_id
from listings
semi join repeated using (model_id)
qualify row_number() over (
    partition by listings.model_id
    order by listings.crawled_at desc nulls last, listings.record_id
) > 1
