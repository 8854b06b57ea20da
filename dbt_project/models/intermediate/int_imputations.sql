-- One election a key and field: every author has one vote a value. The elections without one model,
-- and without one author, differ from it in few values, so that no model is compared with another.
with keys as (

    select * from {{ ref('int_imputation_keys') }}

),

known as (

    {{ exact_values() }}

),

-- An author's models of one value are one vote, because they may well be copies.
ballots as (

    select
        keys.level,
        keys.key,
        known.field,
        known.value,
        keys.author,
        count(*) as donors
    from keys
    inner join known using (model_id)
    inner join {{ ref('imputation_rules') }} using (field)
    where keys.is_donor
    group by all

),

results as (

    select
        *,
        row_number() over (partition by level, key, field order by authors desc, donors desc, value)
            as place,
        sum(donors) over (partition by level, key, field) as all_donors,
        sum(authors) over (partition by level, key, field) as votes
    from (
        select
            level,
            key,
            field,
            value,
            count(*) as authors,
            sum(donors) as donors
        from ballots
        group by all
    ) as counted

),

-- What is taken out: one model of an author's that has a value, or all models of the author.
withdrawn as (

    select
        'leave_one_out' as donors_from,
        *,
        value as own_value,
        (donors = 1)::integer as lost_authors,
        1 as lost_donors
    from ballots
    union all by name
    select
        'leave_one_author_out' as donors_from,
        *,
        null as own_value,
        1 as lost_authors,
        donors as lost_donors
    from ballots

),

recounted as (

    select
        withdrawn.donors_from,
        withdrawn.level,
        withdrawn.key,
        withdrawn.field,
        withdrawn.author,
        withdrawn.own_value,
        max(results.all_donors) - sum(withdrawn.lost_donors) as all_donors,
        max(results.votes) - sum(withdrawn.lost_authors) as votes,
        list({
            minus_authors: withdrawn.lost_authors - results.authors::integer,
            minus_donors: withdrawn.lost_donors - results.donors::integer,
            value: results.value
        }) filter (results.donors > withdrawn.lost_donors) as touched,
        -- The best value that loses nothing.
        list_filter(
            range(1, count(*) + 2),
            lambda n: not list_contains(list(results.place), n)  -- noqa: RF02
        )[1] as best_untouched
    from withdrawn
    inner join results using (level, key, field, value)
    group by all

),

recounts as (

    select
        recounted.* exclude (recounted.touched, recounted.best_untouched),
        list_min(list_concat(
            coalesce(recounted.touched, []),
            case
                when results.value is null then []
                else [{
                    minus_authors: -results.authors::integer,
                    minus_donors: -results.donors::integer,
                    value: results.value
                }]
            end
        )) as winner
    from recounted
    left join results
        on
            recounted.level = results.level
            and recounted.key = results.key
            and recounted.field = results.field
            and recounted.best_untouched = results.place

),

elected as (

    select
        level,
        key,
        field,
        'all' as donors_from,
        null as author,
        null as own_value,
        value,
        authors,
        all_donors as donors,
        votes
    from results
    where place = 1
    union all by name
    select
        level,
        key,
        field,
        donors_from,
        author,
        own_value,
        winner.value,
        -winner.minus_authors as authors,
        all_donors as donors,
        votes
    from recounts
    where winner is not null

),

-- Which election each model is given: candidates the one of all donors, models of the exact tier
-- those without themselves and without their author, where these are among the donors.
assigned as (

    select
        keys.*,
        fields.field,
        case when keys.is_donor then known.value end as own_value,
        voters.author is not null as votes,
        unnest(
            case
                when keys.is_candidate then ['all'] else ['leave_one_out', 'leave_one_author_out']
            end
        ) as donors_from
    from keys
    inner join (
        select
            level,
            key,
            field
        from results
        where place = 1
    ) as fields using (level, key)
    left join known
        on keys.model_id = known.model_id and fields.field = known.field
    left join (
        select distinct
            level,
            key,
            field,
            author
        from ballots
    ) as voters
        on
            keys.level = voters.level
            and keys.key = voters.key
            and fields.field = voters.field
            and keys.author = voters.author
    where keys.is_candidate or keys.is_exact

),

elections as (

    select
        * exclude (author, votes, own_value),
        case
            when donors_from = 'leave_one_out' and own_value is not null then author
            when donors_from = 'leave_one_author_out' and votes then author
        end as author,
        case when donors_from = 'leave_one_out' then own_value end as own_value
    from assigned

),

-- The strictest key with enough donors decides; if they disagree, a looser one knows no better.
final as (

    select
        elections.model_id,
        elections.donors_from,
        elections.field,
        elected.value,
        elections.key_name,
        elected.donors::integer as donors,
        elected.authors::integer as authors,
        elected.authors / elected.votes as purity,
        elected.authors >= rules.min_authors
        and elected.authors / elected.votes >= rules.min_purity as is_accepted
    from elections
    inner join elected
        on
            elections.level = elected.level
            and elections.key = elected.key
            and elections.field = elected.field
            and case when elections.author is null then 'all' else elections.donors_from end
            = elected.donors_from
            and coalesce(elections.author, '') = coalesce(elected.author, '')
            and coalesce(elections.own_value, -1) = coalesce(elected.own_value, -1)
    inner join {{ ref('imputation_rules') }} as rules on elections.field = rules.field
    where elected.donors >= rules.min_support and elected.votes >= rules.min_authors
    qualify row_number() over (
        partition by elections.model_id, elections.donors_from, elections.field
        order by elections.level
    ) = 1

)

select * from final
