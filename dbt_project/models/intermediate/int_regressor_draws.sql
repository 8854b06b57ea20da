{{ config(tags=['results']) }}

with predictions as (

    select
        benchmark,
        regressor,
        split,
        tier,
        model_id,
        any_value(coalesce(bootstrap_group, structure_group)) as bootstrap_group,
        any_value(score) as score,
        -- Repeats share their models: the mean of their R² is that of their mean squared error.
        avg((score - predicted_score) ^ 2 order by repeat) as squared_error
    from {{ ref('score_predictions') }}
    where
        not is_stale
        and feature_set = 'key'
        and regressor in (
            select numbers.regressor from {{ ref('paper_numbers') }} as numbers
            where numbers.printed_in = 'Table 2'
        )
    group by all

),

sums as (

    select
        benchmark,
        regressor,
        split,
        tier,
        bootstrap_group,
        count(*) as n,
        -- Decimals add up to the same in any order.
        sum(score::decimal(18, 9))::decimal(28, 9) as total,
        sum((score ^ 2)::decimal(18, 9))::decimal(28, 9) as squares,
        sum(squared_error::decimal(18, 9))::decimal(28, 9) as error
    from predictions
    group by all

),

draws as (

    {{ group_draws('sums', 'bootstrap_group') }}

),

drawn as (

    select
        sums.benchmark,
        sums.regressor,
        sums.split,
        sums.tier,
        draws.draw,
        sum(draws.weight * sums.n) as n,
        sum(draws.weight::decimal(1, 0) * sums.total)::double as total,
        sum(draws.weight::decimal(1, 0) * sums.squares)::double as squares,
        sum(draws.weight::decimal(1, 0) * sums.error)::double as error
    from sums
    inner join draws using (bootstrap_group)
    where draws.weight > 0
    group by all

),

final as (

    select
        'regressor' as evidence,
        benchmark as subject,
        regressor as item,
        split,
        tier,
        draw,
        -- A draw of one score alone has no R².
        100 * (1 - error / nullif(greatest(squares - total ^ 2 / n, 0), 0)) as value,
        n
    from drawn

)

select * from final
