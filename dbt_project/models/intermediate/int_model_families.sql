-- depends_on: {{ ref('family_rules') }}
{% set rules = rules('family_rules', "family, pattern, coalesce(excluded_class, '')") %}

with lineage as (

    select
        ids.model_id,
        coalesce(
            any_value(evaluations.base_model order by evaluations.evidence_rank) filter (
                lower(evaluations.base_model) <> lower(ids.model_id)
                and {{ is_model_id('evaluations.base_model') }}
            ),
            any_value(
                regexp_extract(tag.text, '^base_model:(?:[a-z]+:)?([^:]+/[^:]+)$', 1)
                order by length(tag.text), tag.text
            ) filter (regexp_matches(tag.text, '^base_model:(?:[a-z]+:)?[^:]+/[^:]+$'))
        ) as base_model
    from {{ ref('int_model_ids') }} as ids
    left join {{ ref('int_evaluations') }} as evaluations using (model_id)
    left join {{ ref('int_model_evidence') }} as tag
        on ids.model_id = tag.model_id and tag.evidence = 'tag' and tag.text like 'base_model:%'
    group by ids.model_id

),

named as (

    select
        lineage.*,
        split_part(coalesce(lineage.base_model, lineage.model_id), '/', -1) as family_name,
        coalesce(described.architecture, described.model_type, '') as class
    from lineage
    inner join {{ ref('int_models_described') }} as described using (model_id)

),

matched as (

    select
        family_name,
        class,
        list_distinct(
            list_filter(
                [
                    {% for rule in rules %}
                    case
                        when
                            regexp_matches(family_name, {{ literal(rule[1]) }})
                            {% if rule[2] %}
                                and not regexp_matches(class, {{ literal(rule[2]) }})
                            {% endif %}
                            then {{ literal(rule[0]) }}
                    end,
                    {% endfor %}
                    null
                ],
                lambda family: family is not null
            )
        ) as families
    from (
        select distinct
            family_name,
            class
        from named
    ) as names

)

select
    named.model_id,
    named.base_model,
    -- A name that fits two families (a merge, say) leaves the family unknown.
    case when len(matched.families) = 1 then matched.families[1] end as family
from named
left join matched using (family_name, class)
