-- The Hub gives this day to every repository that is older.
{% set before = "date_source = 'hub_created_before'" %}

with models as (

    select
        date,
        date_source,
        is_official,
        unnest(list_filter(
            [
                'all',
                case when is_moe then 'moe' end,
                case when is_multimodal then 'multimodal' end
            ],
            lambda class: class is not null
        )) as class
    from {{ ref('models') }}
    where coalesce(is_decoder, true)

),

populated as (

    select
        *,
        date_trunc('month', date)::date as month,
        unnest(case when is_official then ['all', 'official'] else ['all'] end) as population
    from models

),

counted as (

    select
        population,
        class,
        month,
        count(*) as n_new,
        count(*) filter (date_source = 'hub_created_at') as n_hub_created_at,
        count(*) filter (date_source = 'open_llm_v2_upload') as n_open_llm_v2_upload,
        count(*) filter (date_source = 'leaderboard_submission') as n_leaderboard_submission
    from populated
    where date is not null and not {{ before }}
    group by all

),

totals as (

    select
        population,
        class,
        count(*) as n_models,
        count(date) as n_dated,
        count(*) filter ({{ before }}) as n_before
    from populated
    group by all

),

months as (

    -- Of all classes together, so that the classes of a population stand side by side.
    select
        population,
        unnest(generate_series(min(month), max(month), interval 1 month))::date as month
    from counted
    group by population

),

final as (

    select
        totals.population,
        totals.class,
        months.month,
        coalesce(counted.n_new, 0) as n_new,
        (
            totals.n_before
            + sum(coalesce(counted.n_new, 0))
                over (partition by totals.population, totals.class order by months.month)
        )::bigint as n_so_far,
        coalesce(counted.n_hub_created_at, 0) as n_hub_created_at,
        coalesce(counted.n_open_llm_v2_upload, 0) as n_open_llm_v2_upload,
        coalesce(counted.n_leaderboard_submission, 0) as n_leaderboard_submission,
        totals.n_before,
        totals.n_dated,
        totals.n_models,
        round(totals.n_dated / totals.n_models, 6) as coverage
    from totals
    inner join months using (population)
    left join counted using (population, class, month)

)

select * from final
