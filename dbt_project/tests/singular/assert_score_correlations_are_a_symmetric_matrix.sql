{{ config(meta={'dagster': {'ref': {'name': 'score_correlations'}}}) }}

-- A benchmark correlates with itself at 1, and both orders of a pair say the same.
select one.*
from {{ ref('score_correlations') }} as one
left join {{ ref('score_correlations') }} as other
    on
        one.population = other.population
        and one.leaderboard_a = other.leaderboard_b
        and one.benchmark_a = other.benchmark_b
        and one.leaderboard_b = other.leaderboard_a
        and one.benchmark_b = other.benchmark_a
where
    one.n is distinct from other.n
    or one.spearman is distinct from other.spearman
    or one.family_spearman is distinct from other.family_spearman
    or one.n_families > one.n
    or one.n < {{ var('fewest_common_models') }}
    or not one.spearman between -1 and 1
    or not one.spearman between one.spearman_low and one.spearman_high
    or not one.family_spearman between one.family_spearman_low and one.family_spearman_high
    or (
        (one.leaderboard_a, one.benchmark_a) = (one.leaderboard_b, one.benchmark_b)
        and abs(one.spearman - 1) > 1e-6
    )
