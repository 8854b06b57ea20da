{#
Rows of a rule seed as constants of the query, because DuckDB compiles a constant pattern once and
a pattern from a column once a row. Where the seed is not loaded yet (`dbt compile` on an empty
file) there are no rules.
#}
{% macro rules(seed, columns) %}
    {% if not execute or load_relation(ref(seed)) is none %}
        {{ return([]) }}
    {% endif %}
    {{ return(run_query('select ' ~ columns ~ ' from ' ~ ref(seed) ~ ' order by all').rows) }}
{% endmacro %}

{% macro literal(text) -%}
    '{{ text | replace("'", "''") }}'
{%- endmacro %}

{# True if a rule of the kind matches the columns `evidence` and `text`; `rules` as (kind, evidence, pattern). #}
{% macro any_kind_rule(rules, kind) -%}
    (
        {%- for rule in rules if rule[0] == kind %}
        (evidence = {{ literal(rule[1]) }} and regexp_matches(text, {{ literal(rule[2]) }})) or
        {%- endfor %}
        false
    )
{%- endmacro %}
