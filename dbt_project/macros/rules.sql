{#
Rows of a table that an earlier node of the same run built; none where it is not there yet (`dbt
compile` on an empty file). It is read by its name: a unit test puts its fixtures in place of what
ref() names, and they are no tables that a macro could read.
#}
{% macro built_rows(schema, table, columns, condition='true') %}
    {% set relation = adapter.get_relation(
        database=target.database, schema=schema, identifier=table
    ) if execute %}
    {% if not relation %}
        {{ return([]) }}
    {% endif %}
    {{ return(run_query('select ' ~ columns ~ ' from ' ~ relation ~ ' where ' ~ condition ~ ' order by all').rows) }}
{% endmacro %}

{#
Rows of a rule seed as constants of the query, because DuckDB compiles a constant pattern once and
a pattern from a column once a row.
#}
{% macro rules(seed, columns) %}
    {{ return(built_rows('rules', seed, columns)) }}
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

{# The families whose rules of a kind (`name` or `class`) match `text`, each once; see family_rules. #}
{% macro matching_families(rules, kind, text) -%}
    list_distinct(list_filter([
        {%- for rule in rules if rule[1] == kind %}
        case
            when
                regexp_matches({{ text }}, {{ literal(rule[2]) }})
                {%- if rule[3] %}
                and (class = '' or regexp_matches(class, {{ literal(rule[3]) }}))
                {%- endif %}
                then {{ literal(rule[0]) }}
        end,
        {%- endfor %}
        null
    ], lambda family: family is not null))
{%- endmacro %}
