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

-- Candidates of one key get the same. Models of the exact tier are tried without themselves, and
-- without all of their author's.
receivers as (

    select distinct
        level,
        key,
        null as model_id,
        null as author,
        false as is_donor,
        'all' as donors_from
    from keys
    where is_candidate
    union all
    select
        level,
        key,
        model_id,
        author,
        is_donor,
        unnest(['leave_one_out', 'leave_one_author_out']) as donors_from
    from keys
    where is_exact

),

counted as (

    select
        receivers.level,
        receivers.key,
        receivers.model_id,
        receivers.donors_from,
        ballots.field,
        ballots.value,
        case
            when receivers.author <> ballots.author then ballots.donors
            when receivers.donors_from = 'leave_one_author_out' then 0
            when receivers.is_donor and own.value = ballots.value then ballots.donors - 1
            else ballots.donors
        end as donors
    from receivers
    inner join ballots using (level, key)
    left join known as own
        on receivers.model_id = own.model_id and ballots.field = own.field

),

tallied as (

    select
        level,
        key,
        model_id,
        donors_from,
        field,
        value,
        sum(donors) as donors,
        count(*) as authors
    from counted
    where donors > 0
    group by all

),

elected as (

    select
        level,
        key,
        model_id,
        donors_from,
        field,
        value,
        authors,
        sum(donors) over election as donors,
        sum(authors) over election as votes
    from tallied
    window election as (partition by level, key, model_id, donors_from, field)
    qualify row_number() over (
        partition by level, key, model_id, donors_from, field
        order by tallied.authors desc, tallied.donors desc, value
    ) = 1

),

-- The strictest key with enough donors decides; if they disagree, a looser one knows no better.
final as (

    select
        keys.model_id,
        elected.donors_from,
        elected.field,
        elected.value,
        keys.key_name,
        elected.donors::integer as donors,
        elected.authors::integer as authors,
        elected.authors / elected.votes as purity,
        elected.authors >= rules.min_authors
        and elected.authors / elected.votes >= rules.min_purity as is_accepted
    from keys
    inner join elected
        on
            keys.level = elected.level
            and keys.key = elected.key
            and coalesce(elected.model_id, keys.model_id) = keys.model_id
            and (elected.model_id is null) = keys.is_candidate
    inner join {{ ref('imputation_rules') }} as rules using (field)
    where elected.donors >= rules.min_support and elected.votes >= rules.min_authors
    qualify row_number() over (
        partition by keys.model_id, elected.donors_from, elected.field
        order by keys.level
    ) = 1

)

select * from final
