{{ config(post_hook='{{ forget_changes() }}') }}

-- Batches that are in every table. It is built after all tables but those of results: where it
-- names a batch, nothing of it is left to do. A batch with records from the future is not in it,
-- because the day when they count brings no new batch.
-- depends_on: {{ ref('architecture_counts') }}
-- depends_on: {{ ref('benchmark_frontier') }}
-- depends_on: {{ ref('benchmark_scores') }}
-- depends_on: {{ ref('column_statistics_comparison') }}
-- depends_on: {{ ref('hub_benchmarks') }}
-- depends_on: {{ ref('imputation_accuracy') }}
-- depends_on: {{ ref('int_paper_claims') }}
-- depends_on: {{ ref('int_regression_inputs') }}
-- depends_on: {{ ref('int_score_draws') }}
-- depends_on: {{ ref('model_history') }}
-- depends_on: {{ ref('model_lifetimes') }}
-- depends_on: {{ ref('model_structures') }}
-- depends_on: {{ ref('models') }}
-- depends_on: {{ ref('monthly_model_counts') }}
-- depends_on: {{ ref('most_liked_models') }}
-- depends_on: {{ ref('parameter_counts') }}
-- depends_on: {{ ref('pretraining_compute') }}
-- depends_on: {{ ref('rejected_records') }}
-- depends_on: {{ ref('score_by_size_bin') }}
-- depends_on: {{ ref('score_correlations') }}
-- depends_on: {{ ref('score_distributions') }}
-- depends_on: {{ ref('smallest_models_to_reach') }}
-- depends_on: {{ ref('structure_performance') }}
-- depends_on: {{ ref('structure_values') }}
with landed as (

    {% for table in var('growing_tables') if table != 'open_llm_v1_results' %}
        select
            {{ landing_table(table) }} as landing_table,
            landed_batch as batch
        from {{ ref('stg_landing__' ~ table) }}
        group by all
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    *,
    '{{ code_checksum() }}' as code
from landed
where
    (landing_table, batch) not in (
        select (early.landing_table, regexp_replace(early.record_id, ':\d+$', ''))
        from {{ ref('int_evaluations_set_aside') }} as early
        where early.rejection_reason = 'from_the_future'
    )
