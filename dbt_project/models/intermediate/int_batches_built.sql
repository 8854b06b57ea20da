-- Batches that are in every table: the last table of a build. A batch with records from the future
-- is not, because the day when they count brings no new batch.
-- depends_on: {{ ref('models') }}
-- depends_on: {{ ref('model_structures') }}
-- depends_on: {{ ref('structure_values') }}
-- depends_on: {{ ref('parameter_counts') }}
-- depends_on: {{ ref('benchmark_scores') }}
-- depends_on: {{ ref('benchmark_results') }}
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
    where
        landed_batch not in (
            select regexp_replace(early.record_id, ':\d+$', '')
            from {{ ref('int_evaluations_set_aside') }} as early
            where early.landing_table = '{{ table }}' and early.rejection_reason = 'from_the_future'
        )
    group by landed_batch
    {{ 'union all' if not loop.last }}
{% endfor %}
