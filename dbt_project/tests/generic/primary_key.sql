{#
No row without a key, no key twice. A constraint would say the same, but DuckDB's index costs 16 µs
and 80 bytes a row (3 million ids: 49 s and 206 MB, against 1 s for this test; 2026-11-22), so that
marts with a row a model have the test and small ones the constraint. The hash makes keys that stand
once leave early; those left are compared in full. Columns that are `required` have a value in every row,
which costs less here than in a test of their own.
#}
{% test primary_key(model, columns, required=[]) %}
    {% set key = columns | join(', ') %}
    {% set is_incomplete = (columns + required) | join(' is null or ') ~ ' is null' %}

    with keys as (

        select
            {{ key }},
            hash({{ key }}) as key_hash,
            {{ is_incomplete }} as is_incomplete
        from {{ model }}

    ),

    suspects as (

        select key_hash from keys
        group by key_hash
        having count(*) > 1

    )

    select
        {{ key }},
        count(*) as n,
        bool_or(is_incomplete) as is_incomplete
    from keys
    where
        key_hash in (select suspects.key_hash from suspects)
        or is_incomplete
    group by {{ key }}
    having count(*) > 1 or bool_or(is_incomplete)
{% endtest %}
