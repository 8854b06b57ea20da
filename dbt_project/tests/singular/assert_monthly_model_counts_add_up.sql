{{ config(meta={'dagster': {'ref': {'name': 'monthly_model_counts'}}}) }}

-- No dated model is lost between the months, and no month between the first and the last.
select
    population,
    class
from {{ ref('monthly_model_counts') }}
group by population, class
having
    any_value(n_before) + sum(n_new) <> any_value(n_dated)
    or max(n_so_far) <> any_value(n_dated)
    or sum(n_new) <> sum(n_hub_created_at + n_open_llm_v2_upload + n_leaderboard_submission)
    or any_value(n_dated) > any_value(n_models)
    or count(*) <> date_diff('month', min(month), max(month)) + 1
    or (
        population = 'all' and class = 'all'
        and any_value(n_dated) <> (
            select count(models.date) from {{ ref('models') }} as models
            where coalesce(models.is_decoder, true)
        )
    )
