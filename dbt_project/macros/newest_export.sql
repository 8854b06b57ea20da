{# For `qualify`: rows of each model type's newest export; a type that a later one dropped stays. #}
{% macro is_newest_export() -%}
    rank() over (
        partition by model_type
        order by try_cast(string_split(transformers_version, '.') as integer[]) desc nulls last
    ) = 1
{%- endmacro %}
