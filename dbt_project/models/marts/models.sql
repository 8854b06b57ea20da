select
    described.model_id,
    described.author,
    described.architecture,
    described.model_type,
    kinds.is_moe,
    kinds.is_multimodal,
    kinds.is_quantized,
    kinds.is_adapter,
    described.is_official,
    described.pipeline_tag,
    described.license,
    described.date,
    described.date_source,
    described.downloads,
    described.likes,
    families.base_model,
    families.family,
    described.found_in
from {{ ref('int_models_described') }} as described
inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
inner join {{ ref('int_model_families') }} as families using (model_id)
