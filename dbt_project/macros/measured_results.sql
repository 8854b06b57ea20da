{#
Results of a layer job. Of all batches that hold the same measurement the newest counts, and one of the
embedded snapshot only where the user has measured nothing. Whole results win, so that no two mix.
`faults` are conditions on a whole result (aggregates over its rows), each under the reason for which
it is set aside; such a result stays here, with its reason, and replaces nothing. Of results that
have the columns `series` in common only those of the newest one's code count.
#}
{% macro measured_results(table, measurement, faults, series=none) %}
with results as (

    select
        *,
        {{ landed_batch() }} as landed_batch
    from {{ source('results', table) }}

),

verdicts as (

    select
        landed_batch,
        result_key,
        case
            {% for reason, condition in faults.items() %}
                when {{ condition }} then '{{ reason }}'
            {% endfor %}
        end as rejection_reason
    from results
    group by all

)

select
    * exclude (filename, file_row_number, computed_at)
    replace ({{ record_id() }} as record_id)
from results
inner join verdicts using (landed_batch, result_key)
qualify
    rejection_reason is not null
    or (
        (landed_batch, result_key) = first((landed_batch, result_key)) over (
            partition by {{ measurement | join(', ') }}, rejection_reason is null
            order by landed_batch like 'snapshot-%', computed_at desc, result_key, landed_batch
        )
        {% if series %}
            and code_version = first(code_version) over (
                partition by {{ series | join(', ') }}, rejection_reason is null
                order by landed_batch like 'snapshot-%', computed_at desc, code_version
            )
        {% endif %}
    )
{% endmacro %}

{# True where a number of some row is missing, NaN or infinite. #}
{% macro any_not_finite(columns) -%}
    bool_or(
        {%- for column in columns %}
        coalesce(not isfinite({{ column }}), true) {{- ' or' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}

{# True where layers 0 to n_layers - 1 do not stand once each, or once for each `matrix`. #}
{% macro layers_missing(matrix='0') -%}
    min(layer) <> 0
    or max(layer) <> any_value(n_layers) - 1
    or count(distinct (layer, {{ matrix }})) <> count(*)
    or count(*) <> any_value(n_layers) * count(distinct {{ matrix }})
{%- endmacro %}
