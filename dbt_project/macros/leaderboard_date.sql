{# Parse the leaderboards' date texts (two ISO forms, blanks); null when unknown. #}
{% macro leaderboard_time(column) -%}
    try_cast(nullif(trim({{ column }}), '') as timestamp)
{%- endmacro %}

{% macro leaderboard_date(column) -%}
    {{ leaderboard_time(column) }}::date
{%- endmacro %}
