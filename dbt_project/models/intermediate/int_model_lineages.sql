with recursive stated as (

    select * from {{ ref('int_base_models_stated') }}

),

-- Pairs once each, so that a circle of models that name each other ends.
ancestors as (

    select
        model_id,
        base_model as ancestor
    from stated
    union
    select
        ancestors.model_id,
        stated.base_model as ancestor
    from ancestors
    inner join stated on ancestors.ancestor = stated.model_id

),

roots as (

    select
        ancestors.model_id,
        list_sort(list(ancestors.ancestor)) as root_models
    from ancestors
    anti join stated on ancestors.ancestor = stated.model_id
    group by ancestors.model_id

),

bases as (

    select
        stated.model_id,
        list_sort(list(stated.base_model)) as base_models,
        any_value(stated.base_source) as base_source,
        any_value(stated.base_relation) as stated_relation
    from stated
    group by stated.model_id

),

final as (

    select
        bases.model_id,
        bases.base_models,
        case when len(bases.base_models) = 1 then bases.base_models[1] end as base_model,
        -- Where nothing is stated, as the Hub infers it.
        case
            when len(bases.base_models) > 1 then 'merge'
            when bases.stated_relation in ('finetune', 'quantized', 'adapter', 'merge')
                then bases.stated_relation
            when kinds.is_adapter then 'adapter'
            when kinds.is_quantized then 'quantized'
            else 'finetune'
        end as base_relation,
        bases.base_source,
        coalesce(roots.root_models, []) as root_models,
        case when len(roots.root_models) = 1 then roots.root_models[1] end as root_model
    from bases
    inner join {{ ref('int_model_kinds') }} as kinds using (model_id)
    left join roots using (model_id)

)

select * from final
