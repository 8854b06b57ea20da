{{ config(meta={'dagster': {'ref': {'name': 'score_by_size_bin'}}}) }}

-- Bins follow each other by size, no rounded size is in two, and each model with a size is in one.
with bins as (

    select
        *,
        lag(highest_size) over cell as size_before,
        lag(bin) over cell as bin_before
    from {{ ref('score_by_size_bin') }}
    window cell as (
        partition by leaderboard, benchmark, population, training_type order by bin
    )

),

totals as (

    select
        leaderboard,
        benchmark,
        sum(n) as n
    from bins
    where population = 'all' and training_type = 'all'
    group by all

),

scores as (

    select
        scores.leaderboard,
        scores.benchmark,
        count(*) as n
    from {{ ref('benchmark_scores') }} as scores
    inner join {{ ref('model_structures') }} as structures using (model_id)
    where
        scores.is_mapped and not scores.is_flagged and structures.size is not null
        and not list_contains(structures.implausible_fields, 'size')
    group by all

)

select
    leaderboard,
    benchmark,
    bin
from bins
where
    bin <> coalesce(bin_before, 0) + 1
    or lowest_size <= size_before
    or (
        leaderboard = 'open_llm_v1' and lowest_size >= 1 and floor(lowest_size) <= size_before
        or leaderboard <> 'open_llm_v1' and round(lowest_size, 1) = round(size_before, 1)
    )
    or not (0 <= q1_score and q1_score <= q2_score and q2_score <= q3_score and q3_score <= 100)
    or not median_size between lowest_size and highest_size
    or n_families > n
union all
select
    leaderboard,
    benchmark,
    null as bin
from scores
full join totals using (leaderboard, benchmark)
where scores.n is distinct from totals.n
