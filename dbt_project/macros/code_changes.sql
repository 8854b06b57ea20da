{#
What is kept from build to build follows from the code and from what is known of model types; when
either changes, everything is built anew. Macros are no part of dbt's graph: MODELSTRATA_CODE, which
the main job sets, stands for them; after changing one, run dbt itself with `--full-refresh`.
#}
{% macro code_checksum() %}
    {% if not execute %}{{ return('') }}{% endif %}
    {% set parts = [env_var('MODELSTRATA_CODE', '')] %}
    {% for node in graph.nodes.values() if node.resource_type in ('model', 'seed') %}
        {% do parts.append(node.unique_id ~ ' ' ~ node.checksum.checksum) %}
    {% endfor %}
    {% set known %}
        {% for table in ['config_schema', 'parameter_terms'] %}
            select '{{ table }}/' || parse_filename(file)
            from glob('{{ landing_folder() }}/{{ table }}/*.parquet')
            {{ 'union all' if not loop.last else 'order by all' }}
        {% endfor %}
    {% endset %}
    {% do parts.extend(run_query(known).columns[0].values()) %}
    {{ return(local_md5(parts | sort | join('\n'))) }}
{% endmacro %}

{#
Hook before a build: drop the kept tables that other code built, or of which nobody knows it because
no build went to its end, as far as this run makes them anew.
#}
{% macro drop_what_other_code_built() %}
    {% if not execute or flags.WHICH not in ('build', 'run') or target.name == 'published' %}
        {{ return('') }}
    {% endif %}
    {% set built = adapter.get_relation(target.database, 'intermediate', 'int_batches_built') %}
    {% if built and not flags.FULL_REFRESH %}
        {% set same_code = 'select count(*) from ' ~ built ~ ' where code = ' ~ literal(code_checksum()) %}
        {% if run_query(same_code).rows[0][0] > 0 %}{{ return('') }}{% endif %}
    {% endif %}
    {% for name in selected_resources if graph.nodes.get(name, {}).get('config', {}).get('materialized') == 'incremental' %}
        {% set node = graph.nodes[name] %}
        {% set relation = adapter.get_relation(target.database, node.schema, node.name) %}
        {% if relation %}{% do adapter.drop_relation(relation) %}{% endif %}
    {% endfor %}
    {% if built %}{% do adapter.drop_relation(built) %}{% endif %}
{% endmacro %}
