{# Where a landed row stands: batch file and row number, as `<batch>:<row>`. #}
{% macro record_id() -%}
    parse_filename(filename, true) || ':' || file_row_number
{%- endmacro %}

{# The batch that a row was landed in. #}
{% macro landed_batch() -%}
    parse_filename(filename, true)
{%- endmacro %}

{# The same for tables whose rows keep the record_id under which they landed first, when compacted. #}
{% macro first_record_id() -%}
    coalesce(record_id, {{ record_id() }})
{%- endmacro %}

{# A moment's day in UTC. #}
{% macro utc_day(moment) -%}
    ({{ moment }} at time zone 'UTC')::date
{%- endmacro %}
