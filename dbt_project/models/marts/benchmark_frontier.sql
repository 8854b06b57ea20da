{% set cell = 'leaderboard, benchmark, population, size_class' %}

-- Grouped before a model counts in several populations and classes: then there are few rows. The
-- least of the structs is the best: highest score, then oldest, so that an equal one is no new
-- best, then smallest, then first by name.
with grouped as (

    select
        leaderboard,
        benchmark,
        populations,
        size_class,
        date_trunc('month', date)::date as month,
        count(*) as n,
        min(
            struct_pack(
                negative_score := -score, date := date, size := size, model_id := model_id
            )
        ) as best
    from {{ ref('int_benchmark_scores_described') }}
    where not is_flagged
    group by all

),

populated as (

    select
        *,
        unnest(populations) as population
    from grouped

),

totals as (

    select
        leaderboard,
        benchmark,
        population,
        sum(n)::bigint as n_scored,
        coalesce(sum(n) filter (month is not null), 0)::bigint as n_dated,
        coalesce(sum(n) filter (month is not null and size_class is not null), 0)::bigint
            as n_dated_and_sized,
        max(month) as last_month
    from populated
    group by all

),

classed as (

    select
        * exclude (size_class),
        unnest(case when size_class is null then ['all'] else ['all', size_class] end)
            as size_class
    from populated
    where month is not null

),

monthly as (

    select
        {{ cell }},
        month,
        sum(n) as n_new,
        min(best) as best
    from classed
    group by {{ cell }}, month

),

months as (

    select
        {{ cell }},
        unnest(generate_series(min(monthly.month), any_value(totals.last_month), interval 1 month))
        ::date as month
    from monthly
    inner join totals using (leaderboard, benchmark, population)
    group by {{ cell }}

),

so_far as (

    select
        {{ cell }},
        month,
        coalesce(monthly.n_new, 0)::bigint as n_new,
        sum(coalesce(monthly.n_new, 0)) over up_to_now as n_so_far,
        monthly.best,
        min(monthly.best) over up_to_now as best_so_far
    from months
    left join monthly using ({{ cell }}, month)
    window up_to_now as (partition by {{ cell }} order by month)

),

final as (

    select
        {{ cell }},
        so_far.month,
        so_far.n_new,
        so_far.n_so_far::bigint as n_so_far,
        -so_far.best['negative_score'] as best_score,
        so_far.best['model_id'] as best_model,
        -so_far.best_so_far['negative_score'] as best_score_so_far,
        so_far.best_so_far['model_id'] as best_model_so_far,
        so_far.best_so_far['size'] as best_size_so_far,
        so_far.best_so_far['date'] as best_date_so_far,
        coalesce(so_far.best['model_id'] = so_far.best_so_far['model_id'], false) as is_record,
        totals.n_scored,
        case when so_far.size_class = 'all' then totals.n_dated else totals.n_dated_and_sized end
            as n_used,
        round(n_used / totals.n_scored, 6) as coverage
    from so_far
    inner join totals using (leaderboard, benchmark, population)

)

select * from final
