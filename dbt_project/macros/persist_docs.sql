{#
All comments of a table in one statement. dbt's own macros ask twice which columns there are and leave
out those that are not; here a documented column that does not exist is an error.
#}
{% macro duckdb__persist_docs(relation, model, for_relation, for_columns) -%}
    {% set comments %}
        {% if for_relation and config.persist_relation_docs() and model.description %}
            {{ alter_relation_comment(relation, model.description) }}
        {% endif %}
        {% if for_columns and config.persist_column_docs() %}
            {% for column in model.columns.values() %}
                comment on column {{ relation }}.{{ adapter.quote(column.name) }}
                is {{ duckdb_escape_comment(column.description) }};
            {% endfor %}
        {% endif %}
    {% endset %}
    {% if comments | trim %}
        {% do run_query(comments) %}
    {% endif %}
{%- endmacro %}
