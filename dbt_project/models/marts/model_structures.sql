{{ config(
    materialized='incremental',
    meta={'replaces': is_resized()},
) }}

with structures as (

    select * from {{ ref('int_structures') }}
    {{ only_resized() }}

),

sizes as (

    select * from {{ ref('int_model_sizes') }}
    {{ only_resized() }}

)

select
    coalesce(structures.model_id, sizes.model_id) as model_id,
    sizes.size,
    sizes.size_source,
    sizes.computed_size,
    sizes.has_size_conflict,
    structures.d_model,
    structures.d_ffn,
    structures.heads,
    structures.layers,
    structures.kv_heads,
    structures.vocab_size,
    structures.pos,
    structures.head_dim,
    structures.experts,
    structures.active_experts,
    structures.shared_experts,
    structures.dense_layers,
    structures.dense_d_ffn,
    structures.moe_d_ffn,
    structures.shared_d_ffn,
    -- All parameters of a dense model are active; of others the structure tells, or BigCodeBench.
    case
        when kinds.is_moe then coalesce(sizes.computed_active_size, active.active_size)
        when not kinds.is_moe then sizes.size
    end as active_size,
    structures.q_lora_rank,
    structures.kv_lora_rank,
    structures.qk_nope_head_dim,
    structures.qk_rope_head_dim,
    structures.v_head_dim,
    structures.tie_word_embeddings::boolean as tie_word_embeddings,
    structures.attention_bias::boolean as attention_bias,
    structures.mlp_bias::boolean as mlp_bias,
    structures.schema_type as config_type,
    structures.config_sources,
    coalesce(structures.has_verbatim_config, false) as has_verbatim_config,
    coalesce(structures.conflicting_fields, []) as conflicting_fields,
    list_concat(
        coalesce(structures.implausible_fields, []),
        case when coalesce(sizes.is_plausible, true) then [] else ['size'] end
    ) as implausible_fields
from structures
full join sizes using (model_id)
inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
left join (
    select
        model_id,
        max(stated_active_size) as active_size
    from {{ ref('int_evaluations') }}
    where leaderboard = 'bigcodebench' and model_id is not null
    group by model_id
) as active using (model_id)
where structures.config_sources is not null or sizes.size is not null
