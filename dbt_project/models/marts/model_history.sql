{{ config(materialized='incremental') }}

-- depends_on: {{ ref('int_changed_keys') }}
with observed as (

    {% for table in ['hub_models', 'hub_model_history'] %}
        select
            record_id,
            model_id as seen_id,
            crawled_at as observed_at,
            'listed' as status,
            sha,
            downloads,
            downloads_all_time,
            likes,
            is_gated,
            last_modified,
            null as renamed_to,
            source
        from {{ ref('stg_landing__' ~ table) }}
        where
            {{ 'rejection_reason is null' if table == 'hub_models' else 'true' }}
            {{ only_changed('model_id', 'and') }}
        union all
    {% endfor %}
    select
        record_id,
        model_id as seen_id,
        fetched_at as observed_at,
        status,
        sha,
        null as downloads,
        null as downloads_all_time,
        null as likes,
        null as is_gated,
        null as last_modified,
        renamed_to,
        source
    from {{ ref('stg_landing__hub_removals') }}
    where rejection_reason is null {{ only_changed('model_id', 'and') }}

)

select
    observed.record_id,
    aliases.model_id,
    observed.seen_id,
    observed.observed_at,
    observed.status,
    observed.sha,
    observed.downloads,
    observed.downloads_all_time,
    observed.likes,
    observed.is_gated,
    observed.last_modified,
    observed.renamed_to,
    observed.source
from observed
inner join {{ ref('int_model_aliases') }} as aliases using (seen_id)
semi join {{ ref('int_models_described') }} using (model_id)
