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
Hook before a build: drop the kept tables that other code built, or that hold a batch that is gone
(compacted, say), or of which nobody knows it because no build went to its end, as far as this run
makes them anew.
#}
{% macro drop_what_other_code_built() %}
    {% if not execute or flags.WHICH not in ('build', 'run') or target.name == 'published' %}
        {{ return('') }}
    {% endif %}
    {% set built = adapter.get_relation(target.database, 'intermediate', 'int_batches_built') %}
    {% if built and not flags.FULL_REFRESH %}
        {% set is_same %}
            select count(*) filter (landed.file is not null) > 0
                and count(*) filter (landed.file is null) = 0
            from {{ built }} as built
            left join (
                select file, parse_path(file)[-2] as landing_table, parse_filename(file, true) as batch
                from glob('{{ landing_folder() }}/*/*.parquet')
            ) as landed using (landing_table, batch)
            where built.code = {{ literal(code_checksum()) }}
        {% endset %}
        {% if run_query(is_same).rows[0][0] %}{{ return('') }}{% endif %}
    {% endif %}
    {% for name in selected_resources if graph.nodes.get(name, {}).get('config', {}).get('materialized') == 'incremental' %}
        {% set node = graph.nodes[name] %}
        {% set relation = adapter.get_relation(target.database, node.schema, node.name) %}
        {% if relation %}{% do adapter.drop_relation(relation) %}{% endif %}
    {% endfor %}
    {% if built %}{% do adapter.drop_relation(built) %}{% endif %}
{% endmacro %}
