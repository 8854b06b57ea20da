with imputations as (

    select * from {{ ref('int_imputations') }}
    where is_accepted

),

known as (

    {{ exact_values() }}

),

trials as (

    select
        imputations.field,
        imputations.donors_from,
        imputations.value = known.value as is_right
    from imputations
    inner join known using (model_id, field)

),

tried as (

    select
        field,
        count(*) filter (donors_from = 'leave_one_out') as n,
        avg(is_right::integer) filter (donors_from = 'leave_one_out') as accuracy,
        count(*) filter (donors_from = 'leave_one_author_out') as n_author_out,
        avg(is_right::integer) filter (donors_from = 'leave_one_author_out')
            as accuracy_author_out
    from trials
    group by field

),

imputed as (

    select
        field,
        count(*) as n_imputed,
        avg(purity) as mean_purity
    from {{ ref('int_structures_imputed') }}
    group by field

),

candidates as (

    select count(*) as n_candidates
    from {{ ref('int_structure_performance_candidates') }}
    where structure_tier = 'imputed'

)

-- Rounded, because sums of floating-point numbers depend on the order of threads.
select
    rules.field,
    coalesce(tried.n, 0) as n,
    round(tried.accuracy, 6) as accuracy,
    coalesce(tried.n_author_out, 0) as n_author_out,
    round(tried.accuracy_author_out, 6) as accuracy_author_out,
    candidates.n_candidates,
    coalesce(imputed.n_imputed, 0) as n_imputed,
    round(coalesce(imputed.n_imputed, 0) / nullif(candidates.n_candidates, 0), 6) as coverage,
    round(imputed.mean_purity, 6) as mean_purity,
    rules.min_support,
    rules.min_authors,
    rules.min_purity,
    rules.is_used
from {{ ref('imputation_rules') }} as rules
cross join candidates
left join tried using (field)
left join imputed using (field)
