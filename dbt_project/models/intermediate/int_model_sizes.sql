with candidates as (

    -- Packed quantised tensors make a stored total meaningless, so it counts for others only.
    select
        listings.model_id,
        listings.stored_parameters / 1e9 as size,
        'hub_safetensors' as size_source,
        1 as preference
    from {{ ref('stg_landing__hub_models') }} as listings
    inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
    where
        listings.rejection_reason is null
        and listings.stored_parameters > 0
        and not kinds.is_quantized
        and not kinds.is_adapter
    union all
    select
        model_id,
        stated_size as size,
        'open_llm_v2' as size_source,
        2 as preference
    from {{ ref('int_evaluations') }}
    where leaderboard = 'open_llm_v2' and stated_size > 0
    union all
    select
        model_id,
        stated_size as size,
        'bigcodebench' as size_source,
        3 as preference
    from {{ ref('int_evaluations') }}
    where leaderboard = 'bigcodebench' and stated_size > 0 and model_id is not null
    union all
    -- Truncated to whole billions there, and wrong for GPTQ weights.
    select
        model_id,
        stated_size as size,
        'open_llm_v1_truncated' as size_source,
        4 as preference
    from {{ ref('int_evaluations') }}
    where
        leaderboard = 'open_llm_v1'
        and stated_size > 0
        and coalesce(precision, '') <> 'GPTQ'

)

select
    model_id,
    first(size order by preference, size desc) as size,
    first(size_source order by preference, size desc) as size_source
from candidates
group by model_id
