{{ config(tags=['work']) }}

with config_values as (

    select * from {{ ref('int_config_values') }}

),

pairs as (

    select distinct
        source,
        field,
        schema_type
    from config_values

),

trusts as (

    -- A row of the seed with a field overrides the general row of that source.
    select
        pairs.source,
        pairs.field,
        pairs.schema_type,
        first(
            trust.trust
            order by
                (trust.field is null)::integer,
                (trust.model_type_pattern is null)::integer,
                trust.trust
        ) as trust
    from pairs
    inner join {{ ref('source_trust') }} as trust
        on
            regexp_matches(pairs.source, trust.source_pattern)
            and (trust.field is null or pairs.field = trust.field)
            and (
                trust.model_type_pattern is null
                or regexp_matches(pairs.schema_type, trust.model_type_pattern)
            )
    group by all

),

judged as (

    select
        config_values.*,
        trusts.trust,
        trusts.trust < 1000 as may_be_chosen,
        coalesce(
            config_values.value between ranges.lowest and ranges.highest, false
        ) as is_plausible
    from config_values
    inner join trusts
        on
            config_values.source = trusts.source
            and config_values.field = trusts.field
            and config_values.schema_type is not distinct from trusts.schema_type
    left join {{ ref('plausible_ranges') }} as ranges on config_values.field = ranges.field

),

-- Most models have one source, and nothing to choose from.
several as (

    select model_id from judged
    group by model_id
    having min(source) <> max(source)

),

final as (

    select
        *,
        may_be_chosen as is_chosen,
        false as has_conflict
    from judged
    where model_id not in (select several.model_id from several)
    union all
    select
        *,
        may_be_chosen
        and row_number() over (
            partition by model_id, field
            order by may_be_chosen desc, is_plausible desc, trust, source
        ) = 1 as is_chosen,
        min(value) over (partition by model_id, field)
        <> max(value) over (partition by model_id, field) as has_conflict
    from judged
    where model_id in (select several.model_id from several)

)

select * from final
