{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('model_id')},
) }}

{% set identity = [
    'leaderboard', 'model_id', 'dataset_id', 'task_id', 'variant', 'filename', 'value', 'date_text',
    'notes', 'source_url', 'error',
] %}

-- Results that the Hub itself holds: of models' `.eval_results/` files and cards, which come with
-- the listing, and of the official benchmarks' leaderboards.
with listed as (

    select
        listings.model_id,
        listings.seen_id,
        listings.crawled_at,
        listings.record_id,
        staged.eval_results,
        staged.model_index
    from {{ ref('stg_landing__hub_models') }} as staged
    inner join {{ ref('int_hub_listings') }} as listings using (record_id)
    where
        (staged.eval_results is not null or staged.model_index is not null)
        {{ only_changed('listings.model_id', 'and') }}

),

-- One row for what a leaderboard says of one file's value.
ranked as (

    select
        aliases.model_id,
        rankings.dataset_id,
        rankings.filename,
        rankings.value,
        any_value(rankings.model_id) as seen_id,
        any_value(rankings.task_id) as task_id,
        max(rankings.fetched_at) as crawled_at,
        bool_or(rankings.is_verified) as is_verified,
        any_value(rankings.pull_request) as pull_request,
        any_value(rankings.source_name) as source_name,
        any_value(rankings.source_url) as source_url,
        any_value(rankings.notes) as notes,
        min(rankings.record_id) as record_id,
        list(rankings.record_id order by rankings.record_id) as ranking_records
    from {{ ref('stg_landing__hub_leaderboards') }} as rankings
    inner join {{ ref('int_model_aliases') }} as aliases on rankings.model_id = aliases.seen_id
    where
        rankings.rejection_reason is null
        and {{ is_newest_ranking('rankings') }}
        {{ only_changed('aliases.model_id', 'and') }}
    group by all

),

evaluated as (

    {{ eval_results('listed') }}

),

published as (

    select
        evaluated.* replace (
            evaluated.is_verified or coalesce(ranked.is_verified, false) as is_verified,
            coalesce(evaluated.pull_request, ranked.pull_request) as pull_request
        ),
        ranked.ranking_records
    from evaluated
    left join ranked using (model_id, dataset_id, filename, value)
    union all by name
    select
        ranked.*,
        'hub_eval_results' as leaderboard
    from ranked
    anti join evaluated using (model_id, dataset_id, filename, value)
    union all by name
    {{ model_index_results('listed') }}

),

named as (

    select
        published.*,
        left(md5(
            row(published.{{ identity | join(',\n                published.') }})::varchar
        ), 16) as evaluation_id,
        coalesce(
            names.benchmark,
            left(concat_ws(
                ':',
                nullif(concat_ws('/', published.dataset_id, published.variant), ''),
                published.task_id
            ), 300)
        ) as benchmark,
        names.benchmark is not null as is_mapped,
        case
            when isfinite(try_cast(published.value ->> '$' as double))
                then try_cast(published.value ->> '$' as double)
        end as stated_value,
        stated_value * coalesce(names.scale, 1) as score,
        try_cast(published.date_text as timestamp)::date as stated_on,
        benchmarks.chance
    from published
    left join {{ ref('hub_result_names') }} as names
        on
            published.leaderboard = names.leaderboard
            and lower(published.dataset_id) = lower(names.dataset_id)
            and (names.task_id is null or lower(published.task_id) = lower(names.task_id))
            and (names.source_name is null or published.source_name = names.source_name)
    left join {{ ref('benchmarks') }} as benchmarks
        on names.leaderboard = benchmarks.leaderboard and names.benchmark = benchmarks.benchmark
    -- The same result of two listings of a model, or twice in one file.
    qualify
        row_number() over (
            partition by evaluation_id
            order by names.task_id nulls last, published.record_id
        ) = 1

),

final as (

    select
        * exclude (
            value, date_text, error, variant, is_verified, stated_on, crawled_at, chance
        ),
        -- A day to come tells a wrong clock, not the newest result.
        case when stated_on <= crawled_at::date + 1 then stated_on end as evaluated_on,
        case
            when is_verified then 'verified'
            when pull_request is not null then 'community'
            else 'self-reported'
        end as status,
        case
            when dataset_id is null and error is null then 'benchmark_unnamed'
            when stated_value is null then 'score_not_a_number'
            when chance > 1 and score > 0 and score <= 1 then 'scores_as_fractions'
            when not score between 0 and 100 then 'score_out_of_range'
        end as rejection_reason,
        left(coalesce(error, value::varchar), 200) as rejected_value
    from named

)

select * from final
