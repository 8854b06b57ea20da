{#
Rows, and values that are not null in `columns`, must not fall by more than `max_drop` below the last
published warehouse, whose counts stand in `meta.row_counts` of the copy that a run builds in
(orchestration.row_counts reads these arguments and writes them). With `by`, each value of that column
is counted by itself, or only those in `parts`. Where nothing was published, nothing is compared;
`allow_drop` lets a wanted drop through.
#}
{% test no_large_drop(model, columns=[], by=none, parts=[], max_drop=0.15) %}
    {% set published = adapter.get_relation(
        database=target.database, schema='meta', identifier='row_counts'
    ) if execute and not var('allow_drop') %}
    {% if not published %}
        select null as problem where false
    {% else %}
        with counted as (

            select
                {{ "coalesce(" ~ by ~ "::varchar, 'unknown')" if by else "''" }} as part,
                [count(*){% for column in columns %}, count({{ column }}){% endfor %}] as row_counts
            from {{ model }}
            group by all

        ),

        now as (

            select
                part,
                unnest(['' {%- for column in columns %}, '{{ column }}'{% endfor %}]) as column_name,
                unnest(row_counts) as row_count
            from counted

        )

        select
            format(
                '{{ model.identifier }}{}: {} fell from {:,} to {:,}',
                case when part <> '' then ' (' || part || ')' else '' end,
                case when column_name <> '' then 'values of ' || column_name else 'rows' end,
                before.row_count,
                coalesce(now.row_count, 0)
            ) as problem,
            'If that is wanted, build once with MODELSTRATA_ALLOW_DROP=1; else look for what is '
            || 'missing from the landing zone.' as remedy
        from {{ published }} as before
        left join now using (part, column_name)
        where
            before.schema_name = '{{ model.schema }}'
            and before.table_name = '{{ model.identifier }}'
            and column_name in {{ sql_list([''] + columns) }}
            and {{ 'part in ' ~ sql_list(parts) if parts else "part " ~ ("<>" if by else "=") ~ " ''" }}
            and coalesce(now.row_count, 0) < before.row_count * (1 - {{ max_drop }})
        order by all
    {% endif %}
{% endtest %}
