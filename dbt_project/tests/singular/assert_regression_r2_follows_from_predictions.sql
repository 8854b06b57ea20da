{{ config(meta={'dagster': {'ref': {'name': 'regression_scores'}}}) }}

-- R² and MAE must be what the stored out-of-fold predictions give (structure paper, equation 1),
-- mean over repeats.
with repeats as (

    select
        result_key,
        regressor,
        benchmark,
        feature_set,
        split,
        tier,
        repeat,
        1 - sum((score - predicted_score) ** 2) / (count(*) * var_pop(score)) as r2,
        avg(abs(score - predicted_score)) as mae,
        count(*) as n
    from {{ ref('score_predictions') }}
    group by all

),

recomputed as (

    select
        result_key,
        regressor,
        benchmark,
        feature_set,
        split,
        tier,
        avg(r2) as r2,
        avg(mae) as mae,
        min(n) as n,
        max(n) as most,
        count(*) as n_repeats
    from repeats
    group by all

)

select
    scores.result_key,
    scores.r2,
    recomputed.r2 as recomputed_r2
from {{ ref('regression_scores') }} as scores
left join recomputed
    using (result_key, regressor, benchmark, feature_set, split, tier)
where
    recomputed.r2 is null
    or abs(scores.r2 - recomputed.r2) > 1e-9
    or abs(scores.mae - recomputed.mae) > 1e-9
    or scores.n <> recomputed.n
    or scores.n <> recomputed.most
    or scores.n_repeats <> recomputed.n_repeats
