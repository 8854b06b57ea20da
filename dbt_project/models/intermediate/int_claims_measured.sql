{{ config(tags=['results']) }}

with claims as (

    select * from {{ ref('int_paper_claims') }}

),

asked as (

    select
        claims.* exclude (measures, splits, tiers),
        measures.measure,
        splits.split,
        tiers.tier,
        -- The first named are the paper's.
        measures.measure = claims.measures[1] as is_paper_measure,
        is_paper_measure and tiers.tier = claims.tiers[1] as is_as_printed,
        len(claims.leaders) * len(claims.rivals) as n_pairs
    from claims
    cross join lateral unnest(claims.measures) as measures (measure)
    cross join lateral unnest(claims.splits) as splits (split)
    cross join lateral unnest(claims.tiers) as tiers (tier)

),

-- A lead over all is the smallest one over any.
leads as (

    select
        claim,
        split,
        tier,
        measure,
        min(lead) as value,
        min(lead_low) as value_low,
        min(lead_high) as value_high,
        max(n) as n,
        count(lead_low) as n_pairs_measured
    from {{ ref('int_claim_leads') }}
    group by all

),

final as (

    select
        asked.*,
        round(coalesce(leads.value, single.value), 6) as value,
        round(coalesce(leads.value_low, single.value_low), 6) as value_low,
        round(coalesce(leads.value_high, single.value_high), 6) as value_high,
        coalesce(leads.n, single.n)::bigint as n,
        coalesce(leads.n_pairs_measured, 0) = asked.n_pairs as has_every_rival
    from asked
    left join leads using (claim, split, tier, measure)
    left join {{ ref('int_claim_values') }} as single
        on
            case when asked.n_pairs = 0 then asked.evidence end = single.evidence
            and asked.subject = single.subject
            and asked.item = single.item
            and asked.measure = single.measure
            and asked.split = single.split
            and asked.tier = single.tier
            and coalesce(asked.regressor, '') = coalesce(single.regressor, '')
            and coalesce(asked.feature_set, '') = coalesce(single.feature_set, '')

)

select * from final
