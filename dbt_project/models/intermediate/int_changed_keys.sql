{{ config(tags=['work', 'changes']) }}

-- The models, by their id in lower case, that batches speak of which no build has taken in yet;
-- nothing where all models are built anew.
{% set tables = {
    'hub_models': ['[model_id]', 'base_models'],
    'hub_configs': ['[model_id]'],
    'open_llm_leaderboard_v1': ['[model_id]'],
    'open_llm_leaderboard_v2': ['[model_id]', '[base_model]'],
    'bigcodebench': ['[model_id]'],
    'pretraining_compute': ['[model_id]'],
    'hub_model_history': ['[model_id]'],
    'hub_removals': ['[model_id]', '[renamed_to]'],
} %}

with recursive new_records as (

    {% for table, columns in tables.items() %}
        select distinct lower(unnest({{ columns | join(' || ') }})) as key
        from {{ ref('stg_landing__' ~ table) }}
        where
            {% if changes_only() %}
                ({{ landing_table(table) }}, landed_batch) not in (
                    select (built.landing_table, built.batch)
                    from intermediate.int_batches_built as built
                )
            {% else %}
                false
            {% endif %}
        union
    {% endfor %}
    -- A leaderboard that has changed landed whole; models may have left it.
    select lower(unnest([model_id])) as key
    from {{ ref('stg_landing__hub_leaderboards') }}
    where
        {% if changes_only() %}
            dataset_id in (
                select changed.dataset_id
                from {{ ref('stg_landing__hub_leaderboards') }} as changed
                where
                    ('hub_leaderboards', changed.landed_batch) not in (
                        select (built.landing_table, built.batch)
                        from intermediate.int_batches_built as built
                    )
            )
        {% else %}
            false
        {% endif %}

),

new_ids as (

    select key from new_records
    {% if changes_only() %}
        union
        -- What an older listing called a base, and the newest does no more, is seen no more.
        select lower(unnest(base_models)) as key
        from {{ ref('stg_landing__hub_models') }}
        where lower(model_id) in (select new_records.key from new_records)
    {% endif %}

),

-- A renamed model's records stand under several ids; it may have been renamed more than once.
renames as (

    select
        lower(old_id) as one,
        lower(new_id) as other
    from {{ ref('model_renames') }}
    union
    select
        lower(model_id) as one,
        lower(renamed_to) as other
    from {{ ref('stg_landing__hub_removals') }}
    where renamed_to is not null

),

ties as (

    select
        one,
        other
    from renames
    union
    select
        other as one,
        one as other
    from renames

),

renamed as (

    select ties.other as key
    from ties
    inner join new_ids on ties.one = new_ids.key
    union
    select ties.other as key
    from renamed
    inner join ties on renamed.key = ties.one

)

select key from new_ids
where key is not null
union
select key from renamed
{% if changes_only() %}
    -- A study's bare name means a model as long as it is the only one of that name.
    union
    select lower(model_id)
    from intermediate.int_model_aliases
    where
        split_part(lower(model_id), '/', -1) in (
            select lower(studies.model_id)
            from {{ ref('stg_landing__pretraining_compute') }} as studies
            where not contains(studies.model_id, '/')
            intersect
            select split_part(new_ids.key, '/', -1) from new_ids
        )
{% endif %}
{{ left_over() }}
