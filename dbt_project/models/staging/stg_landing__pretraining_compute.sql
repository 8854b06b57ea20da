{{ config(materialized='incremental', incremental_strategy='append') }}

with source as (

    select
        {{ record_id() }} as record_id,
        {{ landed_batch() }} as landed_batch,
        *
    from {{ landed('pretraining_compute') }}

),

final as (

    select
        record_id,
        landed_batch,
        model_id,
        family as study_family,
        params_b as stated_size,
        tokens_t as tokens_trillion,
        flops_1e21 as compute_zflop,
        coalesce(source, 'unknown') as source,
        case when not {{ is_model_id('model_id') }} then 'invalid_model_id' end as rejection_reason
    from source

)

select * from final
