{{ config(tags=['work']) }}

-- The models, by their id in lower case, that batches speak of which no build has taken in yet;
-- nothing where all models are built anew.
{% set tables = {
    'hub_models': ['[model_id]', 'base_models'],
    'hub_configs': ['[model_id]'],
    'open_llm_leaderboard_v1': ['[model_id]'],
    'open_llm_leaderboard_v2': ['[model_id]', '[base_model]'],
    'bigcodebench': ['[model_id]'],
    'pretraining_compute': ['[model_id]'],
} %}

with new_ids as (

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

-- A renamed model's records stand under several ids.
renames as (

    select
        lower(old_id) as old_key,
        lower(new_id) as new_key
    from {{ ref('model_renames') }}

),

renamed as (

    select new_key from renames
    where
        new_key in (select new_ids.key from new_ids)
        or old_key in (select new_ids.key from new_ids)

)

select key from new_ids
where key is not null
union
select new_key from renamed
union
select renames.old_key
from renames
inner join renamed using (new_key)
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
