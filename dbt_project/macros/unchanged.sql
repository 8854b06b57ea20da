{#
Tables stay as they are where a build finds no new batch: dbt's own materializations, behind a
question. Those that rest on landed results are not asked; results come and go without new batches.
#}
{% materialization table, adapter="duckdb", supported_languages=["sql", "python"] %}
    {% if is_up_to_date() %}{{ return(left_as_it_is()) }}{% endif %}
    {{ return(dbt.materialization_table_duckdb()) }}
{% endmaterialization %}

{% materialization incremental, adapter="duckdb", supported_languages=["sql", "python"] %}
    {% if is_up_to_date() %}{{ return(left_as_it_is()) }}{% endif %}
    {{ return(dbt.materialization_incremental_duckdb()) }}
{% endmaterialization %}

{#
True where the table is there and the last build that went to its end took in every batch. (Other
code leaves no int_batches_built, nor does a stopped build list what it took in.)
#}
{% macro is_up_to_date() %}
    {% if 'results' in model.tags or not changes_only() or not load_relation(this) %}
        {{ return(false) }}
    {% endif %}
    {% set new %}
        select file
        from (select file, parse_path(file)[-2] as landing_table, parse_filename(file, true) as batch
              from glob('{{ landing_folder() }}/*/*.parquet')) as landed
        where
            batch <> '0-schema'
            and landing_table in {{ sql_list(var('growing_tables')) }}
            and not exists (
                from intermediate.int_batches_built as built
                where built.landing_table = landed.landing_table and built.batch = landed.batch
            )
    {% endset %}
    {% set files = run_query(new).columns[0].values() | list %}
    {% if not files %}{{ return(true) }}{% endif %}
    {# A batch without rows is in no table. #}
    {% set rows %}
        select sum(num_rows)
        from parquet_file_metadata([
            {%- for file in files %}{{ literal(file) }}{{ ', ' if not loop.last }}{% endfor -%}
        ])
    {% endset %}
    {{ return(run_query(rows).rows[0][0] == 0) }}
{% endmacro %}

{% macro left_as_it_is() %}
    {% call noop_statement('main', 'UNCHANGED') %}{% endcall %}
    {{ return({'relations': [this]}) }}
{% endmacro %}
