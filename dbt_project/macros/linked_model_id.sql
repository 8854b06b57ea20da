{#
The id of the first link to a model of the Hub in a cell of HTML; null without one. A link to a data
set, a space or a file is none.
#}
{% macro linked_model_id(column) -%}
    list_filter(
        regexp_extract_all(
            {{ column }},
            'href\s*=\s*["'']?https?://(?:www\.)?huggingface\.co/((?:[\w.-]+/)?[\w.-]+)/?(?:["''?#>\s])',
            1
        ),
        lambda link: not regexp_matches(link, '^(datasets|spaces)(/|$)')
    )[1]
{%- endmacro %}
