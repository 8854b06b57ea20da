-- Batches that are in every table: the last table of a build. A batch with records from the future
-- is not, because the day when they count brings no new batch.
-- depends_on: {{ ref('models') }}
-- depends_on: {{ ref('model_structures') }}
-- depends_on: {{ ref('structure_values') }}
-- depends_on: {{ ref('parameter_counts') }}
-- depends_on: {{ ref('benchmark_scores') }}
-- depends_on: {{ ref('rejected_records') }}
{% for table in [
    'hub_models', 'hub_configs', 'open_llm_leaderboard_v1', 'open_llm_leaderboard_v2',
    'bigcodebench', 'pretraining_compute',
] %}
    select
        '{{ table }}' as landing_table,
        landed_batch as batch,
        '{{ code_checksum() }}' as code
    from {{ ref('stg_landing__' ~ table) }}
    group by landed_batch
    {% if table in ['open_llm_leaderboard_v1', 'open_llm_leaderboard_v2', 'bigcodebench'] %}
        having not coalesce(bool_or(rejection_reason = 'from_the_future'), false)
    {% endif %}
    {{ 'union all' if not loop.last }}
{% endfor %}
