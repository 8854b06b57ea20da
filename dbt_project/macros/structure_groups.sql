{#
Layers, d_model, heads and d_ffn as one text. A row without d_ffn could belong to any group of its
layers, width and heads: all of them are then one group, so that no copy of a base model stands on
both sides of a grouped split.
#}
{% macro structure_group(within) -%}
    concat_ws('x', layers, d_model, heads)
    || case
        when
            bool_or(d_ffn is null) over (partition by {{ within }}, layers, d_model, heads)
            then 'xany'
        else 'x' || d_ffn
    end
{%- endmacro %}
