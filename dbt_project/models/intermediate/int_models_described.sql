with listings as (

    select * from {{ ref('stg_landing__hub_models') }}
    where rejection_reason is null

),

configs as (

    select
        model_id,
        arg_min(architecture, completeness <> 'verbatim') filter (architecture is not null)
            as architecture,
        arg_min(model_type, completeness <> 'verbatim') filter (model_type is not null)
            as model_type
    from (from {{ ref('stg_landing__hub_configs') }} order by model_id, source)
    where rejection_reason is null
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
        min(coalesce(uploaded_on, evaluated_on)) as first_seen_on,
        bool_or(is_official) as is_official
    from {{ ref('int_evaluations') }}
    where model_id is not null
    group by model_id

),

final as (

    select
        ids.model_id,
        ids.found_in,
        case when contains(ids.model_id, '/') then split_part(ids.model_id, '/', 1) end as author,
        coalesce(configs.architecture, listings.architecture, boards.architecture)
            as architecture,
        coalesce(configs.model_type, listings.model_type) as model_type,
        listings.pipeline_tag,
        coalesce(
            regexp_extract(
                list_filter(listings.tags, lambda tag: tag like 'license:%')[1], '^license:(.+)$', 1
            ),
            boards.license
        ) as license,
        coalesce(listings.created_on, boards.first_seen_on) as date,
        case
            when listings.created_on is not null then 'hub_created_at'
            when boards.first_seen_on is not null then 'leaderboard'
        end as date_source,
        listings.downloads,
        listings.likes,
        boards.is_official
    from {{ ref('int_model_ids') }} as ids
    left join listings using (model_id)
    left join configs using (model_id)
    left join boards using (model_id)

)

select * from final
