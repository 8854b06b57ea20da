with config_values as (

    select * from {{ ref('int_config_values') }}

),

trusts as (

    -- A row of the seed with a field overrides the general row of that source.
    select
        pairs.source,
        pairs.field,
        first(trust.trust order by (trust.field is null)::integer, trust.trust) as trust
    from (select distinct
        source,
        field
    from config_values) as pairs
    inner join {{ ref('source_trust') }} as trust
        on
            regexp_matches(pairs.source, trust.source_pattern)
            and (trust.field is null or pairs.field = trust.field)
    group by all

),

judged as (

    select
        config_values.*,
        trusts.trust,
        coalesce(
            config_values.value between ranges.lowest and ranges.highest, false
        ) as is_plausible
    from config_values
    inner join trusts using (source, field)
    left join {{ ref('plausible_ranges') }} as ranges using (field)

),

final as (

    select
        *,
        row_number() over (
            partition by model_id, field
            order by is_plausible desc, trust, source
        ) = 1 as is_chosen,
        min(value) over (partition by model_id, field)
        <> max(value) over (partition by model_id, field) as has_conflict
    from judged

)

select * from final
