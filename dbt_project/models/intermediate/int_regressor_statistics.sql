-- R² of the regressors of the paper's Table 2 and what each bootstrap group adds to its error, so that
-- two regressors are compared on the same models.
with predictions as (

    select
        benchmark,
        regressor,
        split,
        tier,
        model_id,
        any_value(coalesce(bootstrap_group, structure_group)) as cluster,
        any_value(score) as score,
        -- Repeats share their models: the mean of their R² is that of their mean squared error.
        avg((score - predicted_score) ^ 2) as squared_error
    from {{ ref('score_predictions') }}
    where
        not is_stale
        and feature_set = 'key'
        and regressor in (
            select regressor from {{ ref('paper_numbers') }} where printed_in = 'Table 2'
        )
    group by all

),

centred as (

    select
        *,
        (score - avg(score) over (partition by benchmark, regressor, split, tier)) ^ 2 as deviation
    from predictions

),

grouped as (

    select
        benchmark,
        regressor,
        split,
        tier,
        cluster,
        sum(squared_error) as squared_error,
        sum(deviation) as deviation,
        count(*) as n
    from centred
    group by all

),

final as (

    -- In percent. The mean score's own error has no part in it: R² is flat there.
    select
        'regressor' as evidence,
        benchmark as subject,
        regressor as item,
        split,
        tier,
        cluster,
        sum(squared_error) over cell / nullif(sum(deviation) over cell, 0) as unexplained,
        100 * (1 - unexplained) as value,
        -100 * (squared_error - unexplained * deviation)
        / nullif(sum(deviation) over cell, 0) as influence,
        n
    from grouped
    window cell as (partition by benchmark, regressor, split, tier)

)

select * exclude (unexplained) from final
