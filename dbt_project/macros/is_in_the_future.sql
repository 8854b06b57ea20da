{#
True for a date more than a day (time zones, wrong clocks) after today. The clock is the variable
`as_of`, else MODELSTRATA_TODAY, else the day of the run.
#}
{% macro is_in_the_future(column) -%}
    {%- set today = var('as_of', none)
        or env_var('MODELSTRATA_TODAY', '')
        or run_started_at.strftime('%Y-%m-%d') -%}
    {{ column }} > date {{ literal(today | string) }} + 1
{%- endmacro %}
