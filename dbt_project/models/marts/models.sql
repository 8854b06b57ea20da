{% set is_new = is_changed() ~ ' or model_id in (from intermediate.int_family_changes)' %}
{{ config(materialized='incremental', meta={'replaces': is_new}) }}

-- depends_on: {{ ref('int_changed_keys') }}
-- depends_on: {{ ref('int_family_changes') }}
with history as (

    select * from {{ ref('model_history') }}
    {% if changes_only() %}
        where {{ is_new }}
    {% endif %}

),

-- Of a listing and a removal the later counts; that an older id has moved here is no removal.
sightings as (

    select
        model_id,
        {{ utc_day("min(observed_at) filter (status = 'listed')") }} as first_seen_on,
        coalesce(
            arg_max(status, coalesce(epoch_us(observed_at), 0)) filter (
                status = 'listed'
                or lower(seen_id) = lower(model_id)
                and (status <> 'renamed' or renamed_to is not null)
            ),
            'renamed'
        ) as status
    from history
    group by model_id

)

select
    described.model_id,
    described.author,
    described.architecture,
    described.model_type,
    kinds.kind,
    kinds.is_decoder,
    kinds.is_moe,
    kinds.is_multimodal,
    kinds.is_quantized,
    kinds.quantization,
    kinds.is_adapter,
    described.is_official,
    described.pipeline_tag,
    described.license,
    described.date,
    described.date_source,
    described.downloads,
    described.likes,
    families.base_model,
    families.base_models,
    families.base_relation,
    families.root_model,
    families.family,
    families.family_source,
    described.found_in,
    described.other_ids,
    sightings.status,
    described.is_gated,
    sightings.first_seen_on
from {{ ref('int_models_described') }} as described
inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
inner join {{ ref('int_model_families') }} as families using (model_id)
left join sightings using (model_id)
{% if changes_only() %}
    where {{ is_new }}
{% endif %}
