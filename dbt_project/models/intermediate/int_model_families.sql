{% set is_new = is_resized() ~ ' or model_id in (from intermediate.int_lineage_changes)' %}
{{ config(materialized='incremental', meta={'replaces': is_new}) }}

-- depends_on: {{ ref('int_resized_keys') }}
-- depends_on: {{ ref('int_lineage_changes') }}
-- depends_on: {{ ref('family_rules') }}
-- depends_on: {{ ref('family_shapes') }}
{% set columns = "coalesce(family, ''), evidence, pattern, coalesce(class_pattern, '')" %}
{% set rules = rules('family_rules', columns) %}

with models as (

    select
        described.model_id,
        lower(concat_ws(' ', described.architecture, described.model_type)) as class,
        lineages.base_model,
        lineages.base_models,
        lineages.base_relation,
        lineages.root_model,
        lineages.root_models
    from {{ ref('int_models_described') }} as described
    left join {{ ref('int_model_lineages') }} as lineages using (model_id)
    {% if changes_only() %}
        where {{ is_new }}
    {% endif %}

),

-- The names that may tell a family, each with the class of the model itself, which its
-- descendants keep.
names as (

    select
        model_id,
        class,
        'root_model' as evidence,
        split_part(unnest(root_models), '/', -1) as name
    from models
    union all
    select
        model_id,
        class,
        'base_model' as evidence,
        split_part(unnest(base_models), '/', -1) as name
    from models
    union all
    select
        model_id,
        class,
        'name' as evidence,
        split_part(model_id, '/', -1) as name
    from models

),

-- Most rules are for some classes only, and there are few classes: which rules fit each is found
-- out once, so that a name meets few patterns.
class_rules as (

    select
        class,
        {{ fitting_rules(rules, 'class') }}
    from (select distinct class from names) as distinct_classes

),

distinct_names as (

    select distinct
        name,
        class
    from names

),

matched as (

    select
        *,
        case when list_contains(families, '') then '' else families[1] end as first_family,
        case when len(families) = 1 or first_family = '' then first_family end as family
    from (
        select
            distinct_names.name,
            distinct_names.class,
            {{ matching_families(rules, 'name', 'distinct_names.name') }} as families
        from distinct_names
        inner join class_rules using (class)
    ) as found

),

-- The bases of a merge must all tell the same family; the empty one stands for none.
of_bases as (

    select
        model_id,
        any_value(family) filter (evidence = 'root_model') as root_family,
        any_value(family) filter (evidence = 'base_model') as base_family,
        bool_or(is_mixed) as is_mixed
    from (
        select
            names.model_id,
            names.evidence,
            case
                when
                    bool_and(matched.family is not null)
                    and count(distinct matched.family) = 1
                    then any_value(matched.family)
            end as family,
            count(distinct matched.first_family) > 1 as is_mixed
        from names
        inner join matched using (name, class)
        where names.evidence <> 'name'
        group by names.model_id, names.evidence
    ) as told
    group by model_id

),

classes as (

    select
        class,
        {{ matching_families(rules, 'class', 'class') }} as families
    from (select distinct class from models) as distinct_classes

),

-- Patterns that come from a column are compiled for every row, so each class meets each once.
class_shapes as (

    select
        distinct_classes.class,
        shapes.*
    from (select distinct class from models) as distinct_classes
    inner join (
        select distinct class_pattern from {{ ref('family_shapes') }}
    ) as patterns
        on regexp_matches(distinct_classes.class, patterns.class_pattern)
    inner join {{ ref('family_shapes') }} as shapes
        on patterns.class_pattern = shapes.class_pattern

),

shapes as (

    select
        models.model_id,
        any_value(shapes.family) as family
    from models
    inner join {{ ref('model_structures') }} as structures using (model_id)
    inner join class_shapes as shapes
        on
            models.class = shapes.class
            and (shapes.d_model is null or structures.d_model = shapes.d_model)
            and (shapes.layers is null or structures.layers = shapes.layers)
            and (shapes.d_ffn is null or structures.d_ffn = shapes.d_ffn)
            and (
                shapes.vocab_from is null
                or structures.vocab_size between shapes.vocab_from and shapes.vocab_to
            )
            and (
                shapes.size_from is null
                or structures.size between shapes.size_from and shapes.size_to
            )
    group by models.model_id
    having count(distinct shapes.family) = 1

),

by_name as (

    select
        models.*,
        coalesce(of_bases.is_mixed, false) as is_mixed,
        case
            when not coalesce(of_bases.is_mixed, false)
                then coalesce(of_bases.root_family, of_bases.base_family, matched.family)
        end as family,
        case
            when of_bases.root_family is not null then 'root_model'
            when of_bases.base_family is not null then 'base_model'
            else 'name'
        end as family_source
    from models
    inner join matched
        on split_part(models.model_id, '/', -1) = matched.name and models.class = matched.class
    left join of_bases using (model_id)

),

final as (

    select
        by_name.model_id,
        by_name.base_model,
        coalesce(by_name.base_models, []) as base_models,
        by_name.base_relation,
        by_name.root_model,
        coalesce(by_name.root_models, []) as root_models,
        case
            when by_name.is_mixed then null
            -- A name that the shape contradicts tells nothing.
            when by_name.family <> shapes.family then null
            when by_name.family is not null then nullif(by_name.family, '')
            when len(classes.families) = 1 then classes.families[1]
            else shapes.family
        end as family,
        case
            when by_name.is_mixed or by_name.family = '' or by_name.family <> shapes.family
                then null
            when by_name.family is not null then by_name.family_source
            when len(classes.families) = 1 then 'class'
            when shapes.family is not null then 'shape'
        end as family_source
    from by_name
    left join classes using (class)
    left join shapes using (model_id)

)

select * from final
