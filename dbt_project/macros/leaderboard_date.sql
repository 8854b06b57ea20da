{# Parse the leaderboards' date texts (two ISO forms, blanks) into a date; null when unknown. #}
{% macro leaderboard_date(column) -%}
    try_cast(nullif(trim({{ column }}), '') as timestamp)::date
{%- endmacro %}
