{{ config(tags=['results']) }}

with pairs as (

    select
        * exclude (rivals),
        unnest(rivals) as rival
    from (
        select
            * exclude (leaders),
            unnest(leaders) as leader
        from {{ ref('int_paper_claims') }}
    ) as led

),

-- Importances have an interval each and no common draws are kept. Low end less high end, and high
-- end less low end, bound their distance whatever the two have in common.
bounded as (

    select
        pairs.claim,
        ahead.split,
        ahead.tier,
        ahead.measure,
        pairs.leader,
        pairs.rival,
        ahead.value - behind.value as lead,
        ahead.value_low - behind.value_high as lead_low,
        ahead.value_high - behind.value_low as lead_high,
        ahead.n
    from pairs
    inner join {{ ref('int_claim_values') }} as ahead
        using (evidence, subject, regressor, feature_set)
    inner join {{ ref('int_claim_values') }} as behind
        using (evidence, subject, regressor, feature_set, split, tier, measure)
    where ahead.item = pairs.leader and behind.item = pairs.rival

),

drawn as (

    select
        *,
        'none' as split,
        'all' as tier
    from {{ ref('int_score_draws') }}
    union all by name
    select * from {{ ref('int_regressor_draws') }}

),

-- Both sides of a pair in the same draws: what they have in common cancels out.
paired as (

    select
        pairs.claim,
        ahead.split,
        ahead.tier,
        pairs.measures[1] as measure,
        pairs.leader,
        pairs.rival,
        round(any_value(ahead.value - behind.value) filter (ahead.draw = 0), 6) as lead,
        quantile_cont(ahead.value - behind.value, [0.025, 0.975]) filter (ahead.draw > 0) as ends,
        round(ends[1], 6) as lead_low,
        round(ends[2], 6) as lead_high,
        any_value(ahead.n) filter (ahead.draw = 0) as n
    from pairs
    inner join drawn as ahead using (evidence, subject)
    inner join drawn as behind using (evidence, subject, split, tier, draw)
    where ahead.item = pairs.leader and behind.item = pairs.rival
    group by
        pairs.claim, ahead.split, ahead.tier, pairs.measures, pairs.leader, pairs.rival

),

final as (

    select * from bounded
    union all by name
    select * exclude (ends) from paired

)

select * from final
