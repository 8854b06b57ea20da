{#
Every row has a value, and no value stands twice: one look at the table in place of two. In columns that
are `required` every row has one too.
#}
{% test is_key(model, column_name, required=[]) %}
    {{ test_primary_key(model, [column_name], required) }}
{% endtest %}
