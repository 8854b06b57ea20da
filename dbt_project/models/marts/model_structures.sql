select
    structures.model_id,
    structures.size,
    structures.size_source,
    structures.computed_size,
    structures.has_size_conflict,
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
        when kinds.is_moe then coalesce(computed.active_parameters / 1e9, active.active_size)
        when not kinds.is_moe then structures.size
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
    structures.has_verbatim_config,
    structures.conflicting_fields,
    structures.implausible_fields
from {{ ref('int_structures') }} as structures
inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
left join {{ ref('int_model_parameters') }} as computed using (model_id)
left join (
    select
        model_id,
        max(stated_active_size) as active_size
    from {{ ref('int_evaluations') }}
    where leaderboard = 'bigcodebench' and model_id is not null
    group by model_id
) as active using (model_id)
