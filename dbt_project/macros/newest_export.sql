{#
For `qualify`: rows of each model type's newest export; a type that a later one dropped stays. A
release counts before its own candidates (`5.24.0.dev0`), and a version without a number last.
#}
{% macro is_newest_export() -%}
    rank() over (
        partition by model_type
        order by
            try_cast(string_split(nullif(
                regexp_extract(transformers_version, '^[0-9]+(?:[.][0-9]+)*'), ''
            ), '.') as integer[]) desc nulls last,
            transformers_version
    ) = 1
{%- endmacro %}
