-- depends_on: {{ ref('config_fields') }}
with exported as (

    select
        known.model_type,
        known.field,
        known.json_path,
        known.preference,
        1.0 as scale,
        known.default_value,
        -- What depends on a further key stands in the seed config_conditions.
        case
            when regexp_full_match(known.derived_from, '[0-9a-z_*/]+') then known.derived_from
        end as derived_from,
        known.is_invariant
    from {{ ref('stg_landing__config_schema') }} as known
    -- Encoders and towers for pictures and sound are read by the general spellings.
    semi join {{ ref('int_config_type_levels') }} as levels
        on
            known.model_type = levels.model_type
            and levels.is_language
    where known.field in {{ sql_list(var('structural_fields')) }}

),

-- d_ffn is what a class calls intermediate_size. Some call the width of an expert so, whether or
-- not their dense layers have a width of their own.
expert_types as (

    select distinct model_type
    from exported
    where
        field = 'moe_d_ffn'
        and string_split(json_path, '.')[-1] in ('intermediate_size', 'ffn_hidden_size')

),

schema_rows as (

    select * from exported
    where not (field = 'd_ffn' and model_type in (select expert_types.model_type from expert_types))
    union all
    select * replace ('dense_d_ffn' as field) from exported
    where field = 'd_ffn' and model_type in (select expert_types.model_type from expert_types)
    union all
    select * replace ('d_ffn' as field) from exported
    where field = 'moe_d_ffn' and model_type in (select expert_types.model_type from expert_types)

),

seed_rows as (

    select
        model_type,
        field,
        json_path,
        preference,
        coalesce(scale, 1.0) as scale,
        default_value,
        derived_from,
        coalesce(is_invariant, false) as is_invariant
    from {{ ref('config_fields') }}
    where model_type is not null and field in {{ sql_list(var('structural_fields')) }}

),

-- What is written by hand about a type's field replaces what transformers says of it, but for the
-- default where it names none.
own as (

    select
        seed_rows.* replace (
            coalesce(seed_rows.default_value, known.default_value) as default_value
        )
    from seed_rows
    left join (
        select
            model_type,
            field,
            any_value(default_value) as default_value
        from schema_rows
        group by all
    ) as known using (model_type, field)
    union all by name
    select schema_rows.* from schema_rows
    anti join seed_rows using (model_type, field)

),

aliased as (

    select * from own
    union all by name
    select own.* replace (aliases.model_type as model_type)
    from own
    inner join {{ ref('config_type_aliases') }} as aliases on own.model_type = aliases.same_as
    anti join own as known
        on aliases.model_type = known.model_type and own.field = known.field

),

levels as (

    select * from {{ ref('int_config_type_levels') }}

),

-- A type whose language model sits in a sub-config has that type's keys, but its own defaults.
keys as (

    select
        aliased.model_type,
        aliased.field,
        list(aliased.json_path order by aliased.preference) filter (
            aliased.json_path is not null and levels.language_path is null
        ) as json_paths,
        min(aliased.scale) as scale,
        any_value(aliased.default_value) as default_value,
        any_value(aliased.derived_from) as derived_from,
        coalesce(bool_or(aliased.is_invariant), false) as is_invariant
    from aliased
    left join levels using (model_type)
    group by all

),

completed as (

    select
        keys.model_type,
        keys.field,
        coalesce(inner_keys.json_paths, keys.json_paths, []) as json_paths,
        coalesce(inner_keys.scale, keys.scale) as scale,
        keys.default_value,
        coalesce(keys.derived_from, inner_keys.derived_from) as derived_from,
        coalesce(inner_keys.is_invariant, keys.is_invariant) as is_invariant
    from keys
    left join levels using (model_type)
    left join keys as inner_keys
        on
            levels.language_type = inner_keys.model_type
            and levels.language_path is not null
            and keys.field = inner_keys.field

),

general as (

    select
        field,
        first(json_path order by preference) as json_path
    from {{ ref('config_fields') }}
    where model_type is null
    group by field

)

select
    completed.model_type,
    completed.field,
    completed.json_paths,
    completed.scale,
    -- Types that spell a field in the same way share a number; those that spell it as most do have
    -- none.
    case
        when
            completed.json_paths <> []
            and (completed.json_paths <> [general.json_path] or completed.scale <> 1)
            then dense_rank() over (
                partition by completed.field
                order by completed.json_paths, completed.scale
            )
    end as spelling,
    completed.default_value,
    completed.derived_from,
    completed.is_invariant
from completed
inner join general using (field)
