{# SQL for the landing table of a staging table's rows; the first leaderboard's come from two. #}
{% macro landing_table(table, prefix='') -%}
    {{ prefix ~ 'landing_table' if table == 'open_llm_leaderboard_v1' else literal(table) }}
{%- endmacro %}
