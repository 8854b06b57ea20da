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

),

long as (

    {% for column in columns %}
        select
            '{{ column }}' as column_name,
            {{ loop.index }} as position,
            {{ column }} is not null and list_contains(implausible_fields, '{{ column }}')
                as is_implausible,
            case when not is_implausible then {{ column }}::double end as value,
            {{ 'round(value)' if column == 'size' else 'value' }} as mode_value
        from structures
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

modes as (

    select
        column_name,
        first(mode_value order by n desc, mode_value) as mode
    from (
        select
            column_name,
            mode_value,
            count(*) as n
        from long
        where mode_value is not null
        group by all
    ) as counted
    group by column_name

),

-- Rounded, because sums of floating-point numbers depend on the order of threads.
statistics as (

    select
        column_name,
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
            100.0 * (count(*) - count(value) - count(*) filter (is_implausible)) / count(*), 4
        ) as miss_rate
    from long
    group by column_name

)

select
    statistics.column_name,
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
left join modes using (column_name)
