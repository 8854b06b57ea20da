{# SQL for the landing table of a staging table's rows; the first leaderboard's come from two. #}
{% macro landing_table(table, prefix='') -%}
    {{ prefix ~ 'landing_table' if table == 'open_llm_leaderboard_v1' else literal(table) }}
{%- endmacro %}

{# Join for evaluations in staging that are not set aside.
   rows: alias of the staged rows; table: their landing table as SQL, by default their own column. #}
{% macro not_set_aside(rows, table=none) -%}
    anti join {{ ref('int_evaluations_set_aside') }} as set_aside
        on
            {{ table or rows ~ '.landing_table' }} = set_aside.landing_table
            and {{ rows }}.record_id = set_aside.record_id
{%- endmacro %}
