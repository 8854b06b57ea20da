with printed as (

    -- The paper's rows all have a config, so that its miss rate is to be compared with either.
    unpivot (
        select
            *,
            miss_rate as config_miss_rate
        from {{ ref('paper_column_statistics') }}
    ) on columns(* exclude (column_name)) into name statistic value printed

),

ours as (

    unpivot (
        select
            column_name,
            variant,
            position,
            mean,
            mode,
            q1,
            q2,
            q3,
            max,
            skewness,
            kurtosis,
            miss_rate,
            config_miss_rate
        from {{ ref('column_statistics') }}
        where population = 'all'
    ) on columns(* exclude (column_name, variant, position)) into name statistic value value

),

variants as (

    select
        column_name,
        statistic,
        any_value(position) as position,
        any_value(value) filter (variant = 'all') as value,
        any_value(value) filter (variant = 'plausible') as plausible_value
    from ours
    group by all

),

final as (

    select
        printed.column_name,
        printed.statistic,
        variants.position,
        variants.value,
        variants.plausible_value,
        printed.printed,
        variants.value - printed.printed as difference,
        variants.value / nullif(printed.printed, 0) as ratio
    from printed
    left join variants using (column_name, statistic)

)

select * from final
