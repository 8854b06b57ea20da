{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('seen_id')},
) }}

-- depends_on: {{ ref('int_changed_keys') }}

-- Reads staging only: everything else that names models joins it.
with every as (

    {% for table in [
        'hub_models', 'hub_configs', 'open_llm_leaderboard_v1', 'open_llm_leaderboard_v2',
        'bigcodebench', 'hub_leaderboards',
    ] %}
        select
            model_id as seen_id,
            true as is_record
        from {{ ref('stg_landing__' ~ table) }}
        union all
    {% endfor %}
    -- A bare name of a study is an id only where it was one, or is one elsewhere.
    select
        model_id as seen_id,
        true as is_record
    from {{ ref('stg_landing__pretraining_compute') }}
    where
        contains(model_id, '/')
        or model_id in (select renames.old_id from {{ ref('model_renames') }} as renames)
    union all
    select
        base_model as seen_id,
        false as is_record
    from {{ ref('stg_landing__open_llm_leaderboard_v2') }}
    union all
    select
        unnest(base_models) as seen_id,
        false as is_record
    from {{ ref('stg_landing__hub_models') }}

),

seen as (

    select * from every
    {{ only_changed('seen_id') }}

),

ids as (

    select
        seen_id,
        lower(seen_id) as key,
        count(*) filter (is_record) as n_records
    from seen
    where {{ is_model_id('seen_id') }}
    group by seen_id

),

listings as (

    select
        model_id as seen_id,
        lower(model_id) as key,
        created_on,
        downloads
    from {{ ref('stg_landing__hub_models') }}
    where
        rejection_reason is null
        and record_id not in (
            select older.record_id from {{ ref('int_hub_listings_older') }} as older
        )
        {{ only_changed('model_id', 'and') }}

),

renames as (

    -- Two ids that the Hub lists with different days of creation are two repositories.
    select
        lower(renames.old_id) as key,
        any_value(renames.new_id) as new_id,
        any_value(renames.reason) as reason
    from {{ ref('model_renames') }} as renames
    left join listings as old on lower(renames.old_id) = old.key
    left join listings as new on lower(renames.new_id) = new.key
    group by all
    having not coalesce(bool_or(old.created_on <> new.created_on), false)

),

resolved as (

    select
        ids.*,
        renames.new_id,
        renames.reason as rename_reason,
        coalesce(lower(renames.new_id), ids.key) as model_key
    from ids
    left join renames using (key)

),

repeated as (

    select key from resolved
    group by key
    having count(*) > 1

),

-- The spelling of the Hub's own listing, there the one that is downloaded; else the one most
-- records have, then that with more capitals: ids are lowered more often than raised.
contested as (

    select
        resolved.key as model_key,
        first(
            resolved.seen_id
            order by
                (listings.seen_id is null)::integer,
                listings.downloads desc nulls last,
                resolved.n_records desc,
                length(regexp_replace(resolved.seen_id, '[^A-Z]', '', 'g')) desc,
                resolved.seen_id
        ) as spelling,
        bool_or(listings.seen_id is not null) as is_listed
    from resolved
    left join listings using (seen_id)
    where resolved.key in (select repeated.key from repeated)
    group by resolved.key

),

spellings as (

    select * from contested
    union all
    select
        resolved.key as model_key,
        resolved.seen_id as spelling,
        null as is_listed
    from resolved
    anti join contested on resolved.key = contested.model_key

),

final as (

    select
        resolved.seen_id,
        coalesce(spellings.spelling, resolved.new_id) as model_id,
        case
            when resolved.new_id is not null then 'renamed'
            when resolved.seen_id <> spellings.spelling then 'case'
            else 'same'
        end as alias_reason,
        case
            when resolved.new_id is not null then resolved.rename_reason
            when resolved.seen_id = spellings.spelling then null
            when spellings.is_listed then 'the listing spells it so'
            else 'most records spell it so, else the more capitals win'
        end as evidence,
        resolved.n_records > 0 as is_landed
    from resolved
    left join spellings using (model_key)

)

select * from final
