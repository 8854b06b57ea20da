{% set cell = ['claim', 'split', 'tier', 'measure', 'leader', 'rival'] | join(', ') %}

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

-- Importances have an interval each and no common draws are kept. Low end less high end and high end
-- less low end bound their difference whatever the two have to do with each other.
bounded as (

    select
        pairs.claim,
        leading.split,
        leading.tier,
        leading.measure,
        pairs.leader,
        pairs.rival,
        leading.value - trailing.value as lead,
        leading.value_low - trailing.value_high as lead_low,
        leading.value_high - trailing.value_low as lead_high,
        leading.n
    from pairs
    inner join {{ ref('int_claim_values') }} as leading
        on
            pairs.evidence = leading.evidence
            and pairs.subject = leading.subject
            and pairs.regressor = leading.regressor
            and pairs.feature_set = leading.feature_set
            and pairs.leader = leading.item
    inner join {{ ref('int_claim_values') }} as trailing
        on
            leading.evidence = trailing.evidence
            and leading.subject = trailing.subject
            and leading.regressor = trailing.regressor
            and leading.feature_set = trailing.feature_set
            and leading.split = trailing.split
            and leading.tier = trailing.tier
            and leading.measure = trailing.measure
            and pairs.rival = trailing.item

),

statistics as (

    select
        evidence,
        subject,
        item,
        'none' as split,
        'all' as tier,
        cluster,
        value,
        influence,
        n
    from {{ ref('int_score_statistics') }}
    union all by name
    select
        evidence,
        subject,
        item,
        split,
        tier,
        cluster,
        value,
        influence,
        n
    from {{ ref('int_regressor_statistics') }}

),

-- Both sides of a pair, by cluster; what they have in common cancels out.
sides as (

    select
        pairs.claim,
        statistics.split,
        statistics.tier,
        pairs.measures[1] as measure,
        pairs.leader,
        pairs.rival,
        statistics.cluster,
        any_value(statistics.value) filter (statistics.item = pairs.leader) as leading,
        any_value(statistics.value) filter (statistics.item = pairs.rival) as trailing,
        sum(
            case when statistics.item = pairs.leader then 1 else -1 end * statistics.influence
        ) as influence,
        max(statistics.n) as n
    from pairs
    inner join statistics
        on
            pairs.evidence = statistics.evidence
            and pairs.subject = statistics.subject
            and statistics.item in (pairs.leader, pairs.rival)
    group by
        {{ ['pairs.claim', 'statistics.split', 'statistics.tier', 'pairs.measures'] | join(', ') }},
        pairs.leader, pairs.rival, statistics.cluster

),

paired as (

    select
        {{ cell }},
        any_value(leading) - any_value(trailing) as lead,
        1.959964 * sqrt(count(*) / nullif(count(*) - 1, 0) * sum(influence ^ 2)) as reach,
        lead - reach as lead_low,
        lead + reach as lead_high,
        sum(n) as n
    from sides
    group by {{ cell }}

),

final as (

    select * from bounded
    union all by name
    select * exclude (reach) from paired

)

select * from final
