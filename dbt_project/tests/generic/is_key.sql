{# Every row has a value, and no value stands twice: one look at the table in place of two. #}
{% test is_key(model, column_name) %}
    {{ test_primary_key(model, [column_name]) }}
{% endtest %}
