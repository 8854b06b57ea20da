{{ config(materialized='incremental') }}

{% set listed = [
    'architecture', 'model_type', 'pipeline_tag', 'license', 'created_on', 'downloads', 'likes',
    'is_gated',
] %}

with listed as (

    select
        model_id,
        record_id,
        crawled_at,
        {{ listed | reject('equalto', 'license') | join(', ') }},
        seen_id <> model_id as is_other_spelling,
        nullif(
            regexp_extract(array_to_string(tags, chr(10)), '(?m)^license:(.+)$', 1), ''
        ) as license
    from {{ ref('int_hub_listings') }}
    {{ only_changed() }}

),

-- Few models are listed under several spellings; only these need an order.
repeated as (

    select model_id from listed
    group by model_id
    having count(*) > 1

),

listings as (

    select
        {{ listed | join(', ') }},
        listed.model_id
    from listed
    anti join repeated using (model_id)
    union all
    -- The model's own spelling speaks first.
    select
        {% for column in listed %}
            first(
                listed.{{ column }}
                order by
                    listed.is_other_spelling, listed.crawled_at desc nulls last, listed.record_id
            ) filter (listed.{{ column }} is not null) as {{ column }},
        {% endfor %}
        listed.model_id
    from listed
    semi join repeated using (model_id)
    group by listed.model_id

),

configs as (

    select
        model_id,
        first(architecture order by completeness <> 'verbatim', source, record_id) filter (
            architecture is not null
        ) as architecture,
        first(model_type order by completeness <> 'verbatim', source, record_id) filter (
            model_type is not null
        ) as model_type
    from {{ ref('int_config_records') }}
    where rejection_reason is null {{ only_changed('model_id', 'and') }}
    group by model_id

),

boards as (

    select
        model_id,
        first(architecture order by leaderboard desc, evidence_rank) filter (
            architecture is not null
        ) as architecture,
        first(license order by leaderboard desc, evidence_rank) filter (license is not null)
            as license,
        min(uploaded_on) as uploaded_on,
        min(evaluated_on) as evaluated_on,
        max(likes) as likes,
        bool_or(is_official) as is_official
    from {{ ref('int_evaluations') }}
    where model_id is not null {{ only_changed('model_id', 'and') }}
    group by model_id

),

final as (

    select
        ids.model_id,
        ids.found_in,
        ids.other_ids,
        case when contains(ids.model_id, '/') then split_part(ids.model_id, '/', 1) end as author,
        coalesce(configs.architecture, listings.architecture, boards.architecture)
            as architecture,
        coalesce(configs.model_type, listings.model_type) as model_type,
        listings.pipeline_tag,
        coalesce(listings.license, boards.license) as license,
        coalesce(listings.created_on, boards.uploaded_on, boards.evaluated_on) as date,
        case
            -- The Hub gives this day to every repository that is older, and the second leaderboard
            -- has its dates of uploads from the Hub.
            when coalesce(listings.created_on, boards.uploaded_on) <= date '2022-03-02'
                then 'hub_created_before'
            when listings.created_on is not null then 'hub_created_at'
            when boards.uploaded_on is not null then 'open_llm_v2_upload'
            when boards.evaluated_on is not null then 'leaderboard_submission'
        end as date_source,
        listings.downloads,
        coalesce(nullif(listings.likes, 0), nullif(boards.likes, 0), listings.likes) as likes,
        boards.is_official,
        listings.is_gated
    from {{ ref('int_model_ids') }} as ids
    left join listings using (model_id)
    left join configs using (model_id)
    left join boards using (model_id)

)

select * from final
