{{ config(meta={'dagster': {'ref': {'name': 'int_regressor_draws'}}}) }}

-- R² that the claims compare, made from sums by bootstrap group, must be that of regression_scores.
select
    scores.regressor,
    scores.benchmark,
    scores.split,
    scores.tier,
    100 * scores.r2 as told,
    draws.value as compared
from {{ ref('regression_scores') }} as scores
inner join {{ ref('paper_numbers') }} as numbers
    on
        numbers.printed_in = 'Table 2'
        and scores.regressor = numbers.regressor
        and scores.benchmark = numbers.benchmark
        and scores.feature_set = numbers.feature_set
left join {{ ref('int_regressor_draws') }} as draws
    on
        draws.draw = 0
        and scores.regressor = draws.item
        and scores.benchmark = draws.subject
        and scores.split = draws.split
        and scores.tier = draws.tier
where not scores.is_stale and (draws.value is null or abs(100 * scores.r2 - draws.value) > 1e-6)
