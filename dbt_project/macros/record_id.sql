{# Where a landed row stands: batch file and row number, as `<batch>:<row>`. #}
{% macro record_id() -%}
    parse_filename(filename, true) || ':' || file_row_number
{%- endmacro %}

{# The batch that a row was landed in. #}
{% macro landed_batch() -%}
    parse_filename(filename, true)
{%- endmacro %}
