-- Single values that a claim is held against; shares in percent, as the paper prints them.
with scores as (

    select * from {{ ref('regression_scores') }}
    where not is_stale

),

inverse_scores as (

    select * from {{ ref('inverse_regression_scores') }}
    where not is_stale

),

final as (

    select
        'r2' as evidence,
        benchmark as subject,
        regressor,
        feature_set,
        split,
        tier,
        'r2' as measure,
        'r2' as item,
        100 * r2 as value,
        100 * r2_low as value_low,
        100 * r2_high as value_high,
        n
    from scores
    union all by name
    select
        'mae' as evidence,
        benchmark as subject,
        regressor,
        feature_set,
        split,
        tier,
        'mae' as measure,
        'mae' as item,
        mae as value,
        mae_low as value_low,
        mae_high as value_high,
        n
    from scores
    union all by name
    select
        'importance' as evidence,
        benchmark as subject,
        regressor,
        feature_set,
        split,
        tier,
        importances.kind as measure,
        importances.feature as item,
        100 * importances.importance as value,
        100 * importances.importance_low as value_low,
        100 * importances.importance_high as value_high,
        scores.n
    from {{ ref('feature_importances') }} as importances
    left join scores using (benchmark, regressor, feature_set, split, tier)
    where
        not importances.is_stale
        and importances.kind in ('impurity', 'permutation')
    union all by name
    select
        'inverse_importance' as evidence,
        target as subject,
        regressor,
        feature_set,
        split,
        tier,
        importances.kind as measure,
        importances.feature as item,
        100 * importances.importance as value,
        100 * importances.importance_low as value_low,
        100 * importances.importance_high as value_high,
        inverse_scores.n
    from {{ ref('inverse_feature_importances') }} as importances
    left join inverse_scores using (target, regressor, feature_set, split, tier)
    where
        not importances.is_stale
        and importances.kind in ('impurity', 'permutation')
    union all by name
    select
        'correlation' as evidence,
        benchmark_a || '/' || benchmark_b as subject,
        'none' as split,
        'all' as tier,
        unnest(['spearman', 'family_spearman']) as measure,
        'correlation' as item,
        unnest([spearman, family_spearman]) as value,
        unnest([spearman_low, family_spearman_low]) as value_low,
        unnest([spearman_high, family_spearman_high]) as value_high,
        unnest([n, n_families]) as n
    from {{ ref('score_correlations') }}
    where population = 'all' and leaderboard_a = 'open_llm_v1' and leaderboard_b = 'open_llm_v1'

)

select * from final
