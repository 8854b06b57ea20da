{{ config(meta={'dagster': {'ref': {'name': 'models'}}}) }}

-- Every id that is landed and not set aside leads to exactly one model, by itself or by an alias.
with landed as (

    {% for table in [
        'hub_models', 'hub_configs', 'open_llm_leaderboard_v1', 'open_llm_leaderboard_v2',
        'bigcodebench',
    ] %}
        select model_id as seen_id from {{ ref('stg_landing__' ~ table) }}
        where rejection_reason is null and model_id is not null
        {{ 'union' if not loop.last }}
    {% endfor %}

)

select
    landed.seen_id,
    count(models.model_id) as n_models
from landed
left join {{ ref('int_model_aliases') }} as aliases using (seen_id)
left join {{ ref('models') }} as models
    on
        aliases.model_id = models.model_id
        and (
            landed.seen_id = models.model_id or list_contains(models.other_ids, landed.seen_id)
        )
group by all
having count(models.model_id) <> 1
