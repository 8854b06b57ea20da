{# The structures of the exact tier, one row a model and field; a null is no row. #}
{% macro exact_values() -%}
    unpivot {{ ref('int_structures_exact') }}
    on layers, d_model, heads, d_ffn, kv_heads, vocab_size, pos into name field value value
{%- endmacro %}
