with listings as (

    select * from {{ ref('stg_landing__hub_models') }}
    where rejection_reason is null

),

configs as (

    select * from {{ ref('stg_landing__hub_configs') }}
    where rejection_reason is null

),

evaluations as (

    select * from {{ ref('int_evaluations') }}
    where model_id is not null

),

texts as (

    select
        model_id,
        'architecture' as evidence,
        architecture as text
    from listings
    union all
    select
        model_id,
        'model_type' as evidence,
        model_type as text
    from listings
    union all
    select
        model_id,
        'pipeline_tag' as evidence,
        pipeline_tag as text
    from listings
    union all
    select
        model_id,
        'tag' as evidence,
        unnest(tags) as text
    from listings
    union all
    select
        model_id,
        'architecture' as evidence,
        architecture as text
    from configs
    union all
    select
        model_id,
        'model_type' as evidence,
        model_type as text
    from configs
    union all
    select
        model_id,
        'config_key' as evidence,
        unnest(config_keys) as text
    from configs
    union all
    select
        model_id,
        'architecture' as evidence,
        architecture as text
    from evaluations
    union all
    select
        model_id,
        'symbol' as evidence,
        symbol as text
    from evaluations
    union all
    select
        model_id,
        'precision' as evidence,
        precision as text
    from evaluations
    union all
    select
        model_id,
        'weight_type' as evidence,
        weight_type as text
    from evaluations
    union all
    select
        model_id,
        'name' as evidence,
        split_part(model_id, '/', -1) as text
    from {{ ref('int_model_ids') }}

)

select distinct
    model_id,
    evidence,
    text
from texts
where text is not null
