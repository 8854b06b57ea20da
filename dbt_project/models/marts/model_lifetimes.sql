-- Apart from `models`, because a whole crawl moves the last day of nearly all of them: an unchanged
-- model does not land again.
with newest as (

    select
        model_id,
        count(*) filter (status = 'listed') as n_listings,
        max(observed_at) filter (status = 'listed') as listed_at,
        arg_max(record_id, observed_at) filter (status = 'listed') as record_id,
        max(observed_at) filter (
            status <> 'listed' and lower(seen_id) = lower(model_id)
        ) as absent_at
    from {{ ref('model_history') }}
    group by model_id

),

lives as (

    select
        models.model_id,
        models.author,
        models.pipeline_tag,
        models.status,
        models.first_seen_on,
        newest.n_listings,
        newest.listed_at,
        case when models.status <> 'listed' then newest.absent_at end as gone_at,
        -- Which crawler's state knows the model: what it does not show any more it asks for.
        regexp_extract(newest.record_id, '^hub-\d{8}T\d{6}Z-\d+-([0-9a-f]+):\d+$', 1) as state
    from newest
    inner join {{ ref('models') }} as models using (model_id)

),

whole_crawls as (

    select
        state,
        author,
        pipeline_tag,
        started_at,
        finished_at
    from {{ ref('stg_landing__hub_crawls') }}
    where is_whole

),

-- Of those that are still there, crawls by scope are enough; there are few.
scopes as (

    select
        state,
        author,
        pipeline_tag,
        max(started_at) as started_at
    from whole_crawls
    group by all

),

seen as (

    select
        lives.model_id,
        max(scopes.started_at) as seen_at
    from lives
    inner join scopes
        on
            lives.state = scopes.state
            and (scopes.author is null or lives.author = scopes.author)
            and (scopes.pipeline_tag is null or lives.pipeline_tag = scopes.pipeline_tag)
    where lives.gone_at is null
    group by lives.model_id
    union all
    select
        lives.model_id,
        max(crawls.started_at) as seen_at
    from lives
    inner join whole_crawls as crawls
        on
            lives.state = crawls.state
            and (crawls.author is null or lives.author = crawls.author)
            and (crawls.pipeline_tag is null or lives.pipeline_tag = crawls.pipeline_tag)
            and lives.gone_at > crawls.finished_at
    group by lives.model_id

)

select
    lives.model_id,
    lives.status,
    lives.first_seen_on,
    {{ utc_day('greatest(lives.listed_at, seen.seen_at)') }} as last_seen_on,
    {{ utc_day('lives.gone_at') }} as gone_on,
    lives.n_listings
from lives
left join seen using (model_id)
