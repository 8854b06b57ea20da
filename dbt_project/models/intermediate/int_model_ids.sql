{{ config(tags=['work']) }}

with ids as (

    select
        model_id,
        'hub_models' as found_in
    from {{ ref('int_hub_listings') }}
    union all
    select
        model_id,
        'hub_configs' as found_in
    from {{ ref('int_config_records') }}
    where rejection_reason is null
    union all
    select
        model_id,
        leaderboard as found_in
    from {{ ref('int_evaluations') }}
    where model_id is not null
    union all
    select
        model_id,
        leaderboard as found_in
    from {{ ref('int_hub_results') }}
    union all
    select
        model_id,
        'pretraining_compute' as found_in
    from {{ ref('int_pretraining_compute') }}
    where rejection_reason is null

),

found as (

    select
        model_id,
        list_sort(list(distinct found_in)) as found_in
    from ids
    {{ only_changed() }}
    group by model_id

),

others as (

    select
        model_id,
        list_sort(list(seen_id)) as other_ids
    from {{ ref('int_model_aliases') }}
    where is_landed and seen_id <> model_id {{ only_changed('model_id', 'and') }}
    group by model_id

)

select
    found.model_id,
    found.found_in,
    coalesce(others.other_ids, []) as other_ids
from found
left join others using (model_id)
