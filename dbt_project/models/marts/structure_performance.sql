select
    candidates.model_id,
    candidates.structure_tier,
    structure_groups.structure_group,
    -- An implausible size is no reason to leave out the model, whose structure is known.
    case when not list_contains(candidates.implausible_fields, 'size') then candidates.size end
        as size,
    candidates.d_model,
    candidates.d_ffn,
    candidates.heads,
    candidates.layers,
    candidates.kv_heads,
    candidates.vocab_size,
    candidates.pos,
    models.likes,
    models.downloads,
    models.date,
    candidates.training_type,
    models.is_moe,
    models.is_quantized,
    models.family,
    {% for benchmark in var('open_llm_v1_benchmarks') %}
        candidates.{{ benchmark }},
    {% endfor %}
    candidates.evaluation_id,
    candidates.precision,
    candidates.has_failed_generation,
    candidates.is_contradicted
from {{ ref('int_structure_performance_candidates') }} as candidates
inner join {{ ref('int_structure_groups') }} as structure_groups using (model_id)
inner join {{ ref('models') }} as models using (model_id)
where candidates.rejection_reason is null
