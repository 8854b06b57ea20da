{{ config(meta={'dagster': {'ref': {'name': 'models'}}}) }}

-- Every id that is landed and not set aside leads to exactly one model, by itself or by an alias.
with landed as (

    {% for table in ['hub_models', 'hub_configs'] %}
        select model_id as seen_id from {{ ref('stg_landing__' ~ table) }}
        where rejection_reason is null
        union
    {% endfor %}
    {% for table in ['open_llm_leaderboard_v1', 'open_llm_leaderboard_v2', 'bigcodebench'] %}
        select staged.model_id as seen_id
        from {{ ref('stg_landing__' ~ table) }} as staged
        {{ not_set_aside('staged', landing_table(table, 'staged.')) }}
        where staged.rejection_reason is null and staged.model_id is not null
        {{ 'union' if not loop.last }}
    {% endfor %}

),

resolved as (

    select
        aliases.seen_id,
        models.model_id
    from {{ ref('int_model_aliases') }} as aliases
    inner join {{ ref('models') }} as models using (model_id)
    where
        aliases.seen_id = models.model_id
        or list_contains(models.other_ids, aliases.seen_id)

)

select
    landed.seen_id,
    count(resolved.model_id) as n_models
from landed
left join resolved using (seen_id)
group by all
having count(resolved.model_id) <> 1
