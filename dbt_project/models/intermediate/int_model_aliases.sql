{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('seen_id')},
) }}

-- depends_on: {{ ref('int_changed_keys') }}

-- Reads staging only: everything else that names models joins it.
with recursive current_listings as (

    select
        model_id,
        base_models,
        created_on,
        downloads,
        crawled_at,
        rejection_reason
    from {{ ref('stg_landing__hub_models') }}
    where
        record_id not in (
            select older.record_id from {{ ref('int_hub_listings_older') }} as older
        )

),

every as (

    {% for table in [
        'hub_configs', 'open_llm_leaderboard_v1', 'open_llm_leaderboard_v2',
        'bigcodebench', 'hub_leaderboards',
    ] %}
        select
            model_id as seen_id,
            true as is_record
        from {{ ref('stg_landing__' ~ table) }}
        union all
    {% endfor %}
    -- A listing that a newer one replaces is history, and no further witness of a spelling.
    select
        model_id as seen_id,
        true as is_record
    from current_listings
    union all
    select
        model_id as seen_id,
        false as is_record
    from {{ ref('stg_landing__hub_removals') }}
    union all
    select
        renamed_to as seen_id,
        false as is_record
    from {{ ref('stg_landing__hub_removals') }}
    where renamed_to is not null
    union all
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
    from current_listings

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
        downloads,
        crawled_at
    from current_listings
    where rejection_reason is null {{ only_changed('model_id', 'and') }}

),

-- The Hub's newest word, else the seed's.
told as (

    select
        lower(model_id) as key,
        first(renamed_to order by fetched_at desc nulls last, record_id) as new_id,
        max(fetched_at) as told_at,
        'the Hub says so' as reason
    from {{ ref('stg_landing__hub_removals') }}
    where renamed_to is not null and rejection_reason is null
    group by lower(model_id)

),

stated_renames as (

    select * from told
    union all
    select
        lower(seed.old_id) as key,
        seed.new_id,
        null as told_at,
        seed.reason
    from {{ ref('model_renames') }} as seed
    where lower(seed.old_id) not in (select told.key from told)

),

-- Two ids that the Hub lists with different days of creation are two repositories, and so is what
-- it lists after it said that the id has moved.
steps as (

    select
        stated.key,
        any_value(stated.new_id) as new_id,
        any_value(stated.reason) as reason
    from stated_renames as stated
    left join listings as old on stated.key = old.key
    left join listings as new on lower(stated.new_id) = new.key
    group by stated.key
    having
        not coalesce(bool_or(old.created_on <> new.created_on), false)
        and not coalesce(bool_or(old.crawled_at > stated.told_at), false)

),

walks as (

    select
        key,
        new_id,
        reason,
        1 as n_steps
    from steps
    union all
    select
        walks.key,
        steps.new_id,
        walks.reason,
        walks.n_steps + 1 as n_steps
    from walks
    inner join steps on lower(walks.new_id) = steps.key
    -- No repository moves so often: it is a circle, which leads nowhere.
    where walks.n_steps < 20

),

renames as (

    select
        key,
        new_id,
        reason
    from walks
    where lower(new_id) not in (select steps.key from steps)

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
