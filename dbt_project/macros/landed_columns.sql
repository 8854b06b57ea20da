{#
For fixtures of unit tests: a landing table without rows, so that the rows joined to it by name
state only the columns that the test is about. (A unit test's graph knows no sources, hence the
location once more.)
#}
{% macro landed_columns(table) -%}
    {% set data = env_var('MODELSTRATA_DATA', '../data') | replace("'", "''") | replace('[', '[[]') -%}
    select * from read_parquet(
        '{{ data }}/landing/{{ table }}/*.parquet',
        union_by_name = true, filename = true, file_row_number = true
    )
    where false
{%- endmacro %}
