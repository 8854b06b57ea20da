{#
Builds touch only what new batches change.

The landing zone is append-only, so that a staging table gains the rows of the batches that it does
not hold yet. `int_changed_keys` then lists the models (ids in lower case) that these batches speak
of. Tables that are kept from build to build replace the rows of these models; work tables between
them hold these models only; aggregates are made anew. `int_batches_built`, the last table of a build,
says which batches went all the way: a build that stopped before it is made up for by the next one.
Where it is missing, and with `--full-refresh`, everything is built anew.

Some changes are found by a look at what the last build left, and could be seen no more once a stopped
build has replaced that. So the tables that list what has changed (tagged `changes`) begin with what they
held before, and the last table of a build empties them.
#}
{% macro changes_only() %}
    {% if not execute or flags.FULL_REFRESH or model.config.materialized == 'unit' %}
        {{ return(false) }}
    {% endif %}
    {{ return(adapter.get_relation(target.database, 'intermediate', 'int_batches_built') is not none) }}
{% endmacro %}

{#
A condition that only the changed models fulfil; all of them where all are built. `or_null` lets pass
what belongs to no model, of which there is little.
#}
{% macro only_changed(column='model_id', word='where', or_null=false) -%}
    {{ word }} {% if changes_only() %}{{ is_changed(column, or_null) }}{% else %}true{% endif %}
{%- endmacro %}

{% macro is_changed(column='model_id', or_null=false) -%}
    {{ '(' if or_null -}}
    lower({{ column }}) in (select changed.key from intermediate.int_changed_keys as changed)
    {{- ' or ' ~ column ~ ' is null)' if or_null }}
{%- endmacro %}

{# The same for sizes, which follow further models; see int_resized_keys. #}
{% macro only_resized(column='model_id', word='where') -%}
    {{ word }} {% if changes_only() %}{{ is_resized(column) }}{% else %}true{% endif %}
{%- endmacro %}

{% macro is_resized(column='model_id') -%}
    lower({{ column }}) in (select resized.key from intermediate.int_resized_keys as resized)
{%- endmacro %}

{# What a build that was stopped had listed in this table. #}
{% macro left_over(column='key') %}
    {% if changes_only() and load_relation(this) %}
        union
        select {{ column }} from {{ this }}
    {% endif %}
{% endmacro %}

{# Hook after the last table of a build. #}
{% macro forget_changes() %}
    {% set nodes = graph.nodes.values() if execute else [] %}
    {% for node in nodes if 'changes' in node.tags and node.resource_type == 'model' %}
        delete from {{ node.relation_name }};
    {% endfor %}
{% endmacro %}

{#
A landing table's rows; in a staging table that is there already, those of new batches. A staging table
that takes in several landing tables (`is_shared`) tells by `landing_table` which a row is of.
#}
{% macro landed(table, is_shared=false) -%}
    {%- set all_batches = source('landing', table) -%}
    {%- set staged = load_relation(this) if execute and model.config.materialized == 'incremental' -%}
    {%- if not staged or flags.FULL_REFRESH -%} {{ all_batches }}
    {%- else -%} {{ batches_of(table, new_batches(table, staged, is_shared)) }}
    {%- endif -%}
{%- endmacro %}

{% macro new_batches(table, staged, is_shared) %}
    {% set query %}
        select parse_filename(file, true) as batch
        from glob('{{ landing_folder() }}/{{ table }}/*.parquet')
        where batch <> '0-schema' and batch not in (
            select distinct landed_batch from {{ staged }}
            {% if is_shared %}where landing_table = '{{ table }}'{% endif %}
        )
        order by batch
    {% endset %}
    {{ return(run_query(query).columns[0].values() | list) }}
{% endmacro %}

{# The schema batch makes an empty list readable. #}
{% macro batches_of(table, batches) -%}
    read_parquet(
        [
            {%- for batch in ['0-schema'] + batches %}
            '{{ landing_folder() }}/{{ table }}/{{ batch }}.parquet'{{ ',' if not loop.last }}
            {%- endfor %}
        ],
        union_by_name = true, filename = true, file_row_number = true
    )
{%- endmacro %}

{% macro landing_folder() -%}
    {{ env_var('MODELSTRATA_DATA', '../data') | replace("'", "''") | replace('[', '[[]') }}/landing
{%- endmacro %}

{#
Incremental strategy `changed_models`: rows that `meta.replaces` fits (by default those of changed
models) are replaced by what the model's SQL yields, in one transaction.
#}
{% macro get_incremental_changed_models_sql(arguments) %}
    {% set columns = arguments['dest_columns'] | map(attribute='quoted') | join(', ') %}
    {% set replaces = config.get('meta', {}).get('replaces') or is_changed() %}

    delete from {{ arguments['target_relation'] }}
    {% if changes_only() %}where {{ replaces }}{% endif %};

    insert into {{ arguments['target_relation'] }} ({{ columns }})
    select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}
