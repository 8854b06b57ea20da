{% test no_case_duplicates(model, column_name) %}
    select lower({{ column_name }}) as lowered
    from {{ model }}
    group by all
    having count(distinct {{ column_name }}) > 1
{% endtest %}
