with evaluations as (

    select model_id from {{ ref('int_evaluations') }}
    where leaderboard = 'open_llm_v1' and evidence_rank = 1

),

with_config as (

    select distinct model_id from {{ ref('int_config_records') }}

),

final as (

    select
        evaluations.model_id,
        structures.size,
        structures.layers,
        structures.d_model,
        structures.heads,
        structures.d_ffn,
        structures.kv_heads,
        structures.vocab_size,
        structures.pos,
        structures.implausible_fields,
        case
            when
                structures.layers is null
                or structures.d_model is null
                or structures.heads is null
                then 'structure_missing'
            -- A doubtful size is left out by itself, the structure stays.
            when structures.implausible_fields not in ([], ['size']) then 'impossible_value'
        end as rejection_reason
    from evaluations
    semi join with_config using (model_id)
    left join {{ ref('model_structures') }} as structures using (model_id)

)

select * from final
