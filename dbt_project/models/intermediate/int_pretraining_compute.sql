-- One study writes bare names; each is resolved to the one model of that name, if there is one.
with studies as (

    select
        *,
        row_number() over (
            partition by model_id, source, stated_size, tokens_trillion, compute_zflop
            order by record_id
        ) > 1 as is_copy
    from {{ ref('stg_landing__pretraining_compute') }}
    where rejection_reason is null

),

by_name as (

    select
        lower(split_part(model_id, '/', -1)) as name,
        min(model_id) as model_id
    from {{ ref('int_model_aliases') }}
    where
        is_landed and contains(model_id, '/')
        and name in (select lower(studies.model_id) from studies)
    group by all
    having count(distinct model_id) = 1

),

resolved as (

    select
        studies.record_id,
        studies.is_copy,
        studies.study_family,
        studies.tokens_trillion,
        studies.compute_zflop,
        studies.source,
        studies.model_id as stated_id,
        coalesce(aliases.model_id, by_name.model_id) as model_id
    from studies
    left join {{ ref('int_model_aliases') }} as aliases on studies.model_id = aliases.seen_id
    left join by_name on lower(studies.model_id) = by_name.name

)

select
    * exclude (is_copy),
    case
        when is_copy then 'duplicate_record'
        when model_id is null then 'no_hub_id'
        when
            row_number() over (partition by model_id order by is_copy, source, record_id) > 1
            then 'other_study_chosen'
    end as rejection_reason
from resolved
