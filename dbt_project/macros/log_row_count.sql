{# Post-hook: log `rows <schema>.<name> <count>`; the orchestration shows it as metadata. #}
{% macro log_row_count() %}
    {% if execute %}
        {% set count = run_query('select count(*) from ' ~ this).rows[0][0] %}
        {% do log('rows ' ~ this.schema ~ '.' ~ this.identifier ~ ' ' ~ count, info=true) %}
    {% endif %}
{% endmacro %}
