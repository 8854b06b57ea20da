select
    structures.model_id,
    structures.size,
    structures.size_source,
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
    structures.moe_d_ffn,
    -- All parameters of a dense model are active; of others only BigCodeBench states how many.
    case
        when kinds.is_moe then active.active_size
        when not kinds.is_moe then structures.size
    end as active_size,
    structures.config_sources,
    structures.has_verbatim_config,
    structures.conflicting_fields,
    structures.implausible_fields
from {{ ref('int_structures') }} as structures
inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
left join (
    select
        model_id,
        max(stated_active_size) as active_size
    from {{ ref('int_evaluations') }}
    where leaderboard = 'bigcodebench' and model_id is not null
    group by model_id
) as active using (model_id)
