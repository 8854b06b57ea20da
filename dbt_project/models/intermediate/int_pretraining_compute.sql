-- One study writes bare names; each is resolved to the one model of that name, if there is one.
with studies as (

    select * from {{ ref('stg_landing__pretraining_compute') }}
    where rejection_reason is null

),

known as (

    select model_id from {{ ref('stg_landing__hub_models') }}
    where rejection_reason is null
    union
    select model_id from {{ ref('stg_landing__hub_configs') }}
    where rejection_reason is null
    union
    select model_id from {{ ref('int_evaluations') }}
    where model_id is not null

),

by_name as (

    select
        lower(split_part(model_id, '/', -1)) as name,
        min(model_id) as model_id
    from known
    where contains(model_id, '/')
    group by all
    having count(*) = 1

),

resolved as (

    select
        studies.record_id,
        studies.study_family,
        studies.tokens_trillion,
        studies.compute_zflop,
        studies.source,
        studies.model_id as stated_id,
        case
            when contains(studies.model_id, '/') or known.model_id is not null
                then studies.model_id
            else by_name.model_id
        end as model_id
    from studies
    left join known using (model_id)
    left join by_name on lower(studies.model_id) = by_name.name

)

select
    *,
    case
        when model_id is null then 'no_hub_id'
        when row_number() over (partition by model_id order by source, record_id) > 1
            then 'other_study_chosen'
    end as rejection_reason
from resolved
