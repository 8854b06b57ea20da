{% set width = var('score_bin_width') %}
{% set bins = 100 // width %}

with scores as (

    select
        leaderboard,
        benchmark,
        unnest(populations) as population,
        -- The last bin has its right edge too.
        least(floor(score / {{ width }}), {{ bins - 1 }})::integer as bin,
        is_flagged,
        is_failed_generation
    from {{ ref('int_benchmark_scores_described') }}

),

counted as (

    select
        leaderboard,
        benchmark,
        population,
        bin,
        count(*) filter (not is_flagged) as n,
        count(*) filter (is_flagged) as n_flagged,
        count(*) filter (is_failed_generation and not is_flagged) as n_failed_generations
    from scores
    group by all

),

totals as (

    select
        leaderboard,
        benchmark,
        population,
        sum(n)::bigint as n_models
    from counted
    group by all

),

final as (

    select
        totals.leaderboard,
        totals.benchmark,
        totals.population,
        bins.bin::integer as bin,
        bins.bin * {{ width }}::double as lower,
        (bins.bin + 1) * {{ width }}::double as upper,
        coalesce(counted.n, 0) as n,
        round(coalesce(counted.n, 0) / nullif(totals.n_models, 0), 6) as share,
        totals.n_models,
        coalesce(counted.n_failed_generations, 0) as n_failed_generations,
        coalesce(counted.n_flagged, 0) as n_flagged
    from totals
    cross join range({{ bins }}) as bins (bin)
    left join counted using (leaderboard, benchmark, population, bin)

)

select * from final
