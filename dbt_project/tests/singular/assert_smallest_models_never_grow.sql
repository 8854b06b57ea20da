{{ config(meta={'dagster': {'ref': {'name': 'smallest_models_to_reach'}}}) }}

-- The smallest so far never grows with time, and a higher score never needs a smaller model.
select *
from {{ ref('smallest_models_to_reach') }}
window
    months as (partition by leaderboard, benchmark, population, threshold order by month),
    thresholds as (partition by leaderboard, benchmark, population, month order by threshold)
qualify
    rounded_size > lag(rounded_size) over months
    or month <> lag(month) over months + interval 1 month
    or rounded_size < lag(rounded_size) over thresholds
    or n_so_far > lag(n_so_far) over thresholds
    or score < threshold
