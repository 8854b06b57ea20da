{% set columns = [
    'size', 'd_model', 'd_ffn', 'heads', 'layers', 'kv_heads', 'vocab_size', 'pos',
    'downloads', 'likes',
] %}

with structures as (

    select
        structures.*,
        models.downloads,
        models.likes
    from {{ ref('model_structures') }} as structures
    inner join {{ ref('models') }} as models using (model_id)
    -- Encoders, encoder-decoders, embedding models and the like are no decoders.
    where coalesce(models.is_decoder, true)

),

long as (

    {% for column in columns %}
        select
            '{{ column }}' as column_name,
            {{ loop.index }} as position,
            {{ column }} is not null and list_contains(implausible_fields, '{{ column }}')
                as is_implausible,
            {{ column }}::double as value,
            {{ 'round(value)' if column == 'size' else 'value' }} as mode_value
        from structures
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

variants as (

    select
        'all' as variant,
        *
    from long
    union all
    select
        'plausible' as variant,
        * replace (
            case when not is_implausible then value end as value,
            case when not is_implausible then mode_value end as mode_value
        )
    from long

),

modes as (

    select
        column_name,
        variant,
        first(mode_value order by n desc, mode_value) as mode
    from (
        select
            column_name,
            variant,
            mode_value,
            count(*) as n
        from variants
        where mode_value is not null
        group by all
    ) as counted
    group by all

),

-- Rounded, because sums of floating-point numbers depend on the order of threads.
statistics as (

    select
        column_name,
        variant,
        any_value(position) as position,
        count(*) as n_models,
        count(value) as n_values,
        count(*) filter (is_implausible) as n_implausible,
        round(avg(value), 6) as mean,
        quantile_cont(value, 0.25) as q1,
        quantile_cont(value, 0.5) as q2,
        quantile_cont(value, 0.75) as q3,
        max(value) as max,
        round(skewness(value), 6) as skewness,
        round(kurtosis(value), 6) as kurtosis,
        round(
            100.0 * count(*) filter (value is null and not is_implausible) / count(*), 4
        ) as miss_rate
    from variants
    group by all

)

select
    statistics.column_name,
    statistics.variant,
    statistics.position,
    statistics.n_models,
    statistics.n_values,
    statistics.n_implausible,
    statistics.mean,
    modes.mode,
    statistics.q1,
    statistics.q2,
    statistics.q3,
    statistics.max,
    statistics.skewness,
    statistics.kurtosis,
    statistics.miss_rate
from statistics
left join modes using (column_name, variant)
