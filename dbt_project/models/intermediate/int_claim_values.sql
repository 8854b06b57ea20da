{{ config(tags=['results']) }}

-- Single values that a claim is held against; shares in percent, as the paper prints them.
with scores as (

    select
        'importance' as evidence,
        *
    from {{ ref('regression_scores') }}
    where not is_stale
    union all by name
    select
        'inverse_importance' as evidence,
        * rename (target as benchmark)
    from {{ ref('inverse_regression_scores') }}
    where not is_stale

),

importances as (

    select
        'importance' as evidence,
        *
    from {{ ref('feature_importances') }}
    where not is_stale
    union all by name
    select
        'inverse_importance' as evidence,
        * rename (target as benchmark)
    from {{ ref('inverse_feature_importances') }}
    where not is_stale

),

final as (

    select
        unnest(['r2', 'mae']) as evidence,
        benchmark as subject,
        regressor,
        feature_set,
        split,
        tier,
        unnest(['r2', 'mae']) as measure,
        unnest(['r2', 'mae']) as item,
        unnest([100 * r2, mae]) as value,
        unnest([100 * r2_low, mae_low]) as value_low,
        unnest([100 * r2_high, mae_high]) as value_high,
        n
    from scores
    where evidence = 'importance'
    union all by name
    select
        evidence,
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
    from importances
    left join scores using (evidence, benchmark, regressor, feature_set, split, tier)
    where importances.kind in ('impurity', 'permutation')
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
