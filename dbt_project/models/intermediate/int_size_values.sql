{{ config(materialized='incremental') }}

with stated as (

    -- A page without a count, and of several the one of the best evaluation.
    -- Spellings of one model may each have a listing: the model's own speaks first.
    select
        model_id,
        first(stored_parameters order by seen_id <> model_id, record_id) as parameters,
        'hub_safetensors' as source,
        1 as preference
    from {{ ref('int_hub_listings') }}
    where stored_parameters > 0 {{ only_changed('model_id', 'and') }}
    group by model_id
    union all
    select
        model_id,
        arg_min(stated_size, evidence_rank) * 1e9 as parameters,
        case leaderboard
            -- Truncated to whole billions there, and wrong for GPTQ weights.
            when 'open_llm_v1' then 'open_llm_v1_truncated'
            else leaderboard
        end as source,
        case leaderboard when 'open_llm_v2' then 2 when 'bigcodebench' then 4 else 5 end
            as preference
    from {{ ref('int_evaluations') }}
    where model_id is not null and stated_size > 0 {{ only_changed('model_id', 'and') }}
    group by model_id, leaderboard

),

every as (

    select
        *,
        null::bigint as computed_parameters
    from stated
    where parameters > 0
    union all by name
    select
        model_id,
        parameters,
        'computed' as source,
        3 as preference
    from {{ ref('int_model_parameters') }}
    where parameters > 0 {{ only_changed('model_id', 'and') }}

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

judged as (

    select
        every.model_id,
        every.source,
        every.preference,
        round(every.parameters)::bigint as parameters,
        computed.parameters as computed_parameters,
        computed.active_parameters as computed_active_parameters,
        computed.language_type,
        kinds.is_multimodal,
        -- Packed quantised tensors make a stored total meaningless, and adapters store little.
        every.source in ('computed', 'bigcodebench') or not (kinds.is_quantized or kinds.is_adapter)
            as may_be_chosen,
        -- A decoder block has some 12 × d_model² parameters, between 6 and 28 as published. A
        -- stored total may well be larger: it counts vision towers and speech decoders too.
        case
            when every.parameters / 1e9 not between ranges.lowest and ranges.highest then false
            when every.source = 'computed' then true
            when every.parameters < 3.0 * structures.layers * structures.d_model ** 2 then false
            when
                every.source <> 'hub_safetensors'
                and not kinds.is_moe
                and every.parameters
                > 36.0 * structures.layers * structures.d_model ** 2
                + 2.0 * structures.vocab_size * structures.d_model
                then false
            else true
        end as is_plausible,
        -- Towers for pictures and sound are not counted, so that more is no disagreement there.
        case
            when computed.parameters is null or every.source = 'computed' then null
            when every.source = 'open_llm_v1_truncated'
                then
                    every.parameters + 1e9 < 0.95 * computed.parameters
                    or every.parameters > 1.05 * computed.parameters
            when kinds.is_multimodal then every.parameters < 0.95 * computed.parameters
            else abs(every.parameters / computed.parameters - 1) > 0.05
        end as disagrees
    from every
    inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
    cross join (
        select
            lowest,
            highest
        from {{ ref('plausible_ranges') }}
        where field = 'size'
    ) as ranges
    left join structures using (model_id)
    left join {{ ref('int_model_parameters') }} as computed using (model_id)

)

select * from judged
