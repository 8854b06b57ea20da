{# A term of a parameter formula, such as `layers*d_model*d_ffn`, as SQL. #}
{% macro product(term) -%}
    {%- set names = var('structural_fields') + ['untied', 'sparse_layers'] -%}
    {%- for name in term.split('*') -%}
        {%- if name not in names and not name.isdigit() -%}
            {{ exceptions.raise_compiler_error("'" ~ name ~ "' in the term '" ~ term ~ "' is no structural field") }}
        {%- endif -%}
        {{ name if name.isdigit() else "inputs." ~ name }}{{ ' * ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
