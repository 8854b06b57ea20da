with ranked as (

    select
        *,
        row_number() over (order by likes desc, downloads desc nulls last, model_id) as rank
    from {{ ref('models') }}
    where coalesce(is_decoder, true) and likes is not null
    qualify rank <= {{ var('most_liked_models') }}

),

structures as (

    select
        structures.* replace (
            case
                when not list_contains(structures.implausible_fields, 'size') then structures.size
            end as size
        )
    from {{ ref('model_structures') }} as structures
    semi join ranked using (model_id)

),

final as (

    select
        ranked.rank,
        ranked.model_id,
        ranked.likes,
        ranked.downloads,
        ranked.architecture,
        ranked.family,
        ranked.date,
        ranked.date_source,
        ranked.is_moe,
        ranked.is_multimodal,
        ranked.is_official,
        structures.size,
        classes.size_class,
        structures.d_model,
        structures.d_ffn,
        structures.heads,
        structures.layers,
        structures.kv_heads,
        structures.vocab_size,
        structures.pos
    from ranked
    left join structures using (model_id)
    left join {{ ref('size_classes') }} as classes
        on
            structures.size >= classes.lower
            and structures.size < coalesce(classes.upper, 'infinity')

)

select * from final
