with numbers as (

    select
        *,
        lower(replace(printed_in, ' ', '')) as place
    from {{ ref('paper_numbers') }}

),

statements as (

    select
        *,
        unnest(string_split(subjects, ' ')) as subject,
        string_split(leaders, ' ') as leader_list,
        string_split(rivals, ' ') as rival_list
    from {{ ref('paper_statements') }}

),

-- What the paper's own numbers say of a lead: the smallest distance of a leader to a rival.
printed_leads as (

    select
        statements.statement,
        statements.subject,
        round(min(ahead.printed - rival.printed), 6) as printed
    from statements
    inner join numbers as ahead
        on
            statements.subject = ahead.benchmark
            and statements.feature_set = ahead.feature_set
            and list_contains(
                statements.leader_list, coalesce(ahead.feature, ahead.regressor)
            )
    inner join numbers as rival
        on
            ahead.benchmark = rival.benchmark
            and ahead.feature_set = rival.feature_set
            and ahead.measure = rival.measure
            and list_contains(statements.rival_list, coalesce(rival.feature, rival.regressor))
    group by all

),

claims as (

    select
        concat_ws('_', place, regressor, feature, benchmark) as claim,
        place || '_' || measure as statement,
        'section 5, ' || printed_in as printed_in,
        case
            when feature is null
                then format('R² of {} on {} is {:g} %.', regressor, benchmark, printed)
            else format('{} has {:g} % of the importance for {}.', feature, printed, benchmark)
        end as sentence,
        'number' as kind,
        case when feature is null then 'r2' else 'importance' end as evidence,
        benchmark as subject,
        regressor,
        feature_set,
        coalesce(feature, measure) as item,
        [] as leaders,
        [] as rivals,
        printed as paper_value,
        rounding,
        null as threshold,
        [measure] as measures,
        string_split(tiers, ' ') as tiers,
        remedy
    from numbers
    union all by name
    select
        case
            when subject = 'open_llm_v1' then statements.statement
            else statements.statement || '_' || replace(subject, '/', '_')
        end as claim,
        statements.statement,
        statements.printed_in,
        replace(statements.sentence, '{subject}', replace(subject, '/', ' and ')) as sentence,
        statements.kind,
        statements.evidence,
        subject,
        statements.regressor,
        statements.feature_set,
        case when statements.leaders is null then statements.evidence end as item,
        coalesce(statements.leader_list, []) as leaders,
        coalesce(statements.rival_list, []) as rivals,
        printed_leads.printed as paper_value,
        statements.threshold,
        string_split(statements.measures, ' ') as measures,
        string_split(statements.tiers, ' ') as tiers
    from statements
    left join printed_leads using (statement, subject)

),

final as (

    select
        *,
        case
            when evidence in ('importance', 'inverse_importance', 'r2', 'mae', 'regressor')
                then ['random', 'grouped_structure', 'grouped_family', 'temporal']
            else ['none']
        end as splits
    from claims

)

select * from final
