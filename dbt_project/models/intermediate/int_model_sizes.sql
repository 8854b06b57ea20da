with stated as (

    -- Packed quantised tensors make a stored total meaningless, so it counts for others only.
    select
        model_id,
        stored_parameters / 1e9 as size,
        'hub_safetensors' as size_source,
        1 as preference
    from {{ ref('stg_landing__hub_models') }}
    where rejection_reason is null
    union all
    select
        model_id,
        stated_size as size,
        'open_llm_v2' as size_source,
        2 as preference
    from {{ ref('int_evaluations') }}
    where leaderboard = 'open_llm_v2'
    union all
    select
        model_id,
        stated_size as size,
        'bigcodebench' as size_source,
        3 as preference
    from {{ ref('int_evaluations') }}
    where leaderboard = 'bigcodebench' and model_id is not null
    union all
    -- Truncated to whole billions there, and wrong for GPTQ weights.
    select
        model_id,
        stated_size as size,
        'open_llm_v1_truncated' as size_source,
        4 as preference
    from {{ ref('int_evaluations') }}
    where leaderboard = 'open_llm_v1'

),

structures as (

    select
        model_id,
        max(value) filter (field = 'layers') as layers,
        max(value) filter (field = 'd_model') as d_model,
        coalesce(max(value) filter (field = 'vocab_size'), 256000) as vocab_size
    from {{ ref('int_structure_values_ranked') }}
    where is_chosen and is_plausible
    group by model_id

),

ranges as (

    select * from {{ ref('plausible_ranges') }}
    where field = 'size'

),

judged as (

    select
        stated.*,
        -- A decoder block has some 12 × d_model² parameters, between 6 and 28 as published. A
        -- stored total may well be larger: it counts vision towers and speech decoders too.
        case
            when stated.size not between ranges.lowest and ranges.highest then false
            when
                stated.size * 1e9 < 3.0 * structures.layers * structures.d_model ** 2
                then false
            when
                stated.size_source <> 'hub_safetensors'
                and not kinds.is_moe
                and stated.size * 1e9
                > 36.0 * structures.layers * structures.d_model ** 2
                + 2.0 * structures.vocab_size * structures.d_model
                then false
            else true
        end as is_plausible
    from stated
    inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
    cross join ranges
    left join structures using (model_id)
    where
        stated.size > 0
        and (
            stated.size_source = 'bigcodebench'
            or not (kinds.is_quantized or kinds.is_adapter)
        )

)

select
    model_id,
    size,
    size_source,
    is_plausible
from judged
qualify row_number() over (
    partition by model_id
    order by is_plausible desc, preference, size desc
) = 1
