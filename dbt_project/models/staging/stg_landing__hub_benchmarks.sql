{{ config(materialized='incremental', incremental_strategy='append') }}

select
    {{ record_id() }} as record_id,
    {{ landed_batch() }} as landed_batch,
    dataset_id,
    fetched_at
from {{ landed('hub_benchmarks') }}
