{#
Rows with a `structure_group`: layers, d_model, heads and d_ffn as one text. A row without d_ffn could
belong to any group of its layers, width and heads: all of them are then one group, so that no copy of a
base model stands on both sides of a grouped split.
#}
{% macro with_structure_group(relation, within) -%}
    select
        {{ relation }}.*,
        concat_ws('x', {{ relation }}.layers, {{ relation }}.d_model, {{ relation }}.heads)
        || case
            when open_shapes.layers is not null then 'xany'
            else 'x' || {{ relation }}.d_ffn
        end as structure_group
    from {{ relation }}
    left join (
        select distinct {{ within }}, layers, d_model, heads
        from {{ relation }}
        where d_ffn is null
    ) as open_shapes using ({{ within }}, layers, d_model, heads)
{%- endmacro %}
