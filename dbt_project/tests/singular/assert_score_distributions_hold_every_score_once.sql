{{ config(meta={'dagster': {'ref': {'name': 'score_distributions'}}}) }}

-- Bins of one leaderboard and benchmark together are its scores in benchmark_scores.
with binned as (

    select
        leaderboard,
        benchmark,
        sum(n) as n,
        sum(n_flagged) as n_flagged,
        any_value(n_models) as n_models,
        sum(share) as share
    from {{ ref('score_distributions') }}
    where population = 'all'
    group by all

),

scores as (

    select
        leaderboard,
        benchmark,
        count(*) filter (not is_flagged) as n,
        count(*) filter (is_flagged) as n_flagged
    from {{ ref('benchmark_scores') }}
    where is_mapped
    group by all

)

select
    scores.*,
    binned.*
from scores
full join binned using (leaderboard, benchmark)
where
    scores.n is distinct from binned.n
    or scores.n_flagged is distinct from binned.n_flagged
    or scores.n is distinct from binned.n_models
    or abs(binned.share - 1) > 1e-4
