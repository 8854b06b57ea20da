{% set columns = [
    'size', 'd_model', 'd_ffn', 'heads', 'layers', 'kv_heads', 'vocab_size', 'pos',
    'downloads', 'likes',
] %}

with structures as (

    select
        structures.*,
        models.downloads,
        models.likes,
        len(structures.config_sources) > 0 as has_config,
        case when models.is_official then ['all', 'official'] else ['all'] end as populations
    from {{ ref('model_structures') }} as structures
    inner join {{ ref('models') }} as models using (model_id)
    -- Encoders, encoder-decoders, embedding models and the like are no decoders.
    where coalesce(models.is_decoder, true)

),

-- Not materialized: it is ten times the models, and to make it twice takes less than to keep it.
long as not materialized (

    {% for column in columns %}
        select
            '{{ column }}' as column_name,
            {{ loop.index }} as position,
            unnest(populations) as population,
            has_config,
            {{ column }} is not null and list_contains(implausible_fields, '{{ column }}')
                as is_implausible,
            {{ column }}::double as value,
            {{ 'round(value)' if column == 'size' else 'value' }} as mode_value
        from structures
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

variants as not materialized (

    select
        'all' as variant,
        *
    from long
    union all
    select
        'plausible' as variant,
        * replace (case when not is_implausible then value end as value)
    from long

),

statistics as (

    select
        column_name,
        variant,
        population,
        any_value(position) as position,
        count(*) as n_models,
        count(value) as n_values,
        count(*) filter (is_implausible) as n_implausible,
        avg(value) as mean,
        quantile_cont(value, [0.25, 0.5, 0.75]) as quartiles,
        max(value) as max,
        skewness(value) as skewness,
        kurtosis(value) as kurtosis,
        count(*) filter (value is null and not is_implausible) as n_missing,
        count(*) filter (has_config) as n_with_config,
        count(*) filter (has_config and value is null and not is_implausible)
            as n_missing_with_config
    from variants
    group by all

),

-- From few rows: many models share a value.
modes as (

    select
        counted.column_name,
        variants.variant,
        counted.population,
        arg_max(counted.mode_value, (counted.n, -counted.mode_value)) as mode
    from (
        select
            column_name,
            population,
            is_implausible,
            mode_value,
            count(*) as n
        from long
        where mode_value is not null
        group by all
    ) as counted
    inner join (values ('all'), ('plausible')) as variants (variant)
        on variants.variant = 'all' or not counted.is_implausible
    group by all

)

-- Rounded, because sums of floating-point numbers depend on the order of threads.
select
    statistics.column_name,
    statistics.variant,
    statistics.population,
    statistics.position,
    statistics.n_models,
    statistics.n_values,
    statistics.n_implausible,
    round(statistics.mean, 6) as mean,
    modes.mode,
    statistics.quartiles[1] as q1,
    statistics.quartiles[2] as q2,
    statistics.quartiles[3] as q3,
    statistics.max,
    round(statistics.skewness, 6) as skewness,
    round(statistics.kurtosis, 6) as kurtosis,
    round(100.0 * statistics.n_missing / statistics.n_models, 4) as miss_rate,
    round(100.0 * statistics.n_missing_with_config / statistics.n_with_config, 4)
        as config_miss_rate
from statistics
left join modes using (column_name, variant, population)
