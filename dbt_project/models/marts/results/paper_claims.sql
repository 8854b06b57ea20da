with measured as (

    select * from {{ ref('int_claims_measured') }}

),

judged as (

    select
        *,
        case
            when value_low is null or value_high is null then 'not measured'
            when
                kind = 'number'
                and (paper_value < value_low - rounding or paper_value > value_high + rounding)
                then 'does not hold'
            when
                kind = 'number'
                and abs(value - paper_value) <= {{ var('claim_tolerance') }} + rounding
                then 'holds'
            when kind = 'number' then 'depends'
            when kind = 'above' and value_high < threshold then 'does not hold'
            when kind = 'below' and value_high < threshold then 'holds'
            when not has_every_rival then 'not measured'
            when kind = 'above' and value_low > threshold then 'holds'
            when kind = 'below' and value_low > threshold then 'does not hold'
            else 'depends'
        end as verdict
    from measured

),

compared as (

    select
        *,
        list(distinct verdict) filter (split in ('none', 'random', 'grouped_structure')) over (
            partition by claim, measure, tier
        ) as verdicts
    from judged

),

gaps as (

    select
        regressor,
        benchmark,
        feature_set,
        split,
        tier,
        min(reason) as reason
    from {{ ref('regression_gaps') }}
    where not is_stale
    group by all

),

final as (

    select
        compared.claim,
        compared.statement,
        compared.printed_in,
        compared.sentence,
        compared.kind,
        compared.subject,
        compared.regressor,
        compared.feature_set,
        compared.measure,
        compared.split,
        compared.tier,
        compared.is_as_printed,
        case when compared.is_paper_measure then compared.paper_value end as paper_value,
        compared.threshold,
        compared.value,
        compared.value_low,
        compared.value_high,
        compared.n,
        compared.verdict,
        case
            when list_contains(compared.verdicts, 'not measured') then 'not measured'
            when len(compared.verdicts) = 1 then compared.verdicts[1]
            else 'depends'
        end as overall_verdict,
        case
            when compared.verdict = 'not measured'
                then coalesce(
                    gaps.reason,
                    compared.remedy,
                    case
                        when compared.split = 'none' then 'Land more scores: make refresh.'
                        else 'make study fits what is missing.'
                    end
                )
        end as remedy
    from compared
    left join gaps
        on
            compared.subject = gaps.benchmark
            and compared.regressor = gaps.regressor
            and compared.feature_set = gaps.feature_set
            and compared.split = gaps.split
            and compared.tier = gaps.tier

)

select * from final
