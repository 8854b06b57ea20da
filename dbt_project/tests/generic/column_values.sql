{#
Values of some columns are among those `accepted`, or numbers `between` two bounds; null passes. All of
a table's columns in one look: a node a column takes dbt longer than the look itself.
#}
{% test column_values(model, accepted={}, between={}) %}
    {% set rules = [] %}
    {% for column, values in accepted.items() %}
        {% do rules.append((column, column ~ ' not in ' ~ sql_list(values), values | join(', '))) %}
    {% endfor %}
    {% for column, bounds in between.items() %}
        {% set is_outside = column ~ ' not between ' ~ bounds[0] ~ ' and ' ~ bounds[1] %}
        {% set meaning = bounds[0] ~ ' to ' ~ bounds[1] %}
        {% do rules.append((column, is_outside ~ ' or isnan(' ~ column ~ ')', meaning)) %}
    {% endfor %}

    with problems as (

        select unnest([
            {%- for column, is_wrong, meaning in rules %}
            case when {{ is_wrong }} then {
                'column_name': '{{ column }}', 'value': {{ column }}::varchar, 'meaning': {{ literal(meaning) }}
            } end {{- ',' if not loop.last }}
            {%- endfor %}
        ]) as problem
        from {{ model }}
        where
            {% for _, is_wrong, _ in rules -%}
                {{ 'or ' if not loop.first }}{{ is_wrong }}
            {% endfor %}

    )

    select
        format(
            '{{ model.identifier }}: {} = {} (rows: {:,})',
            problem.column_name,
            problem.value,
            count(*)
        ) as problem,
        problem.column_name || ' may be ' || problem.meaning || ': correct the record or rule that gave it, '
        || 'or the values listed in the table''s YAML.' as remedy
    from problems
    where problem is not null
    group by problem.column_name, problem.value, problem.meaning
    order by all
    limit 20
{% endtest %}
