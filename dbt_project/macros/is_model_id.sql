{# True for the form of a Hub model id; the same rule as modelstrata.model_ids. #}
{% macro is_model_id(column) -%}
    coalesce(
        regexp_full_match(
            {{ column }},
            '(?:[A-Za-z0-9_][A-Za-z0-9._-]{0,95}/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,95}'
        )
        and not contains({{ column }}, '..')
        and not contains({{ column }}, '--')
        and right({{ column }}, 1) not in ('.', '-'),
        false
    )
{%- endmacro %}
