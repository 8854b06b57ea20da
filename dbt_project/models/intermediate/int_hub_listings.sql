{{ config(materialized='incremental') }}

-- The listings that count, under their model's one id.
select
    staged.record_id,
    aliases.model_id,
    aliases.seen_id,
    staged.crawled_at,
    staged.author,
    staged.created_on,
    staged.downloads,
    staged.likes,
    staged.pipeline_tag,
    staged.architecture,
    staged.model_type,
    staged.library_name,
    staged.quantization_method,
    staged.tags,
    staged.base_models,
    staged.base_relation,
    staged.stored_parameters,
    staged.is_gated
from {{ ref('stg_landing__hub_models') }} as staged
inner join {{ ref('int_model_aliases') }} as aliases on staged.model_id = aliases.seen_id
anti join {{ ref('int_hub_listings_older') }} as older on staged.record_id = older.record_id
where staged.rejection_reason is null {{ only_changed('staged.model_id', 'and') }}
