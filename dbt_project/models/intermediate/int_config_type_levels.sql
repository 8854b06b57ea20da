with nested as (

    select
        model_type,
        json_path as language_path,
        default_text as language_type
    from {{ ref('stg_landing__config_schema') }}
    where field = 'language_config' and json_path is not null

),

kinds as (

    select
        model_type,
        any_value(default_text) filter (field = 'kind') as kind,
        -- Loaded for causal language modelling or from images to text.
        bool_or(field = 'architecture' and preference < 3) as generates_text
    from {{ ref('stg_landing__config_schema') }}
    group by model_type

),

types as (

    select distinct model_type from {{ ref('stg_landing__config_schema') }}
    union
    select model_type from {{ ref('config_fields') }}
    where model_type is not null

),

known as (

    select
        types.model_type,
        nested.language_path,
        nested.language_type,
        kinds.kind,
        -- Types whose own keys are read: language models, and sub-configs that may hold one.
        coalesce(kinds.generates_text, false)
        or coalesce(kinds.kind in ('decoder', 'encoder_decoder'), false)
        or types.model_type in (select inner_types.language_type from nested as inner_types)
        or types.model_type like '%\_text' escape '\' as is_language
    from types
    left join nested using (model_type)
    left join kinds using (model_type)

)

select * from known
union all
select
    aliases.model_type,
    known.language_path,
    known.language_type,
    known.kind,
    known.is_language
from {{ ref('config_type_aliases') }} as aliases
inner join known on aliases.same_as = known.model_type
anti join known as own on aliases.model_type = own.model_type
