{{ config(materialized='ephemeral') }}

{% set evidence = [
    ('listings', 'architecture', 'architecture'),
    ('listings', 'model_type', 'model_type'),
    ('listings', 'pipeline_tag', 'pipeline_tag'),
    ('listings', 'tag', 'unnest(tags)'),
    ('listings', 'library', 'library_name'),
    ('listings', 'quantization_method', 'quantization_method'),
    ('configs', 'architecture', 'architecture'),
    ('configs', 'model_type', 'model_type'),
    ('configs', 'config_key', 'unnest(config_keys)'),
    ('configs', 'config_source', 'source'),
    ('configs', 'quantization_method', 'quantization_method'),
    ('evaluations', 'architecture', 'architecture'),
    ('evaluations', 'symbol', 'symbol'),
    ('evaluations', 'precision', 'precision'),
    ('evaluations', 'weight_type', 'weight_type'),
    ('evaluations', 'leaderboard', 'leaderboard'),
    ('ids', 'id', 'model_id'),
    ('ids', 'name', "split_part(model_id, '/', -1)"),
] %}

{% set origins = {
    'listings': ref('int_hub_listings') ~ only_changed(word=' where'),
    'configs': ref('int_config_records') ~ ' where rejection_reason is null '
    ~ only_changed(word='and'),
    'evaluations': ref('int_evaluations') ~ ' where model_id is not null '
    ~ only_changed(word='and'),
    'ids': ref('int_model_ids') ~ ' where true',
} %}

-- Read where they are, column by column: as common tables they would be copied whole.
with texts as (

    {% for origin, name, text in evidence %}
        select
            model_id,
            '{{ name }}' as evidence,
            {{ text }} as text
        from {{ origins[origin] }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    model_id,
    evidence,
    text
from texts
where text is not null
