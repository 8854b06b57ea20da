{{ config(meta={'dagster': {'ref': {'name': 'benchmark_frontier'}}}) }}

-- The best so far is never less than a month before, nor than the month's best.
select *
from {{ ref('benchmark_frontier') }}
window
    months as (partition by leaderboard, benchmark, population, size_class order by month)
qualify
    best_score_so_far < lag(best_score_so_far) over months
    or month <> lag(month) over months + interval 1 month
    or best_score > best_score_so_far
    or is_record <> (best_model = best_model_so_far)
    or n_new > 0 and best_score is null
    or not best_score_so_far between 0 and 100
