{% set staged = [
    ('hub_models', 'model_id', 'rejected_value'),
    ('hub_configs', 'model_id', 'rejected_value'),
    ('open_llm_leaderboard_v1', 'model_id', 'rejected_value'),
    ('open_llm_leaderboard_v2', 'model_id', 'rejected_value'),
    ('bigcodebench', 'model_id', 'rejected_value'),
    ('pretraining_compute', 'model_id', 'model_id'),
] %}

{% for table, model_id, value in staged %}
    select
        '{{ table }}' as rejected_from,
        record_id,
        {{ model_id }},
        '' as field,
        {{ value }} as value,
        rejection_reason as reason
    from {{ ref('stg_landing__' ~ table) }}
    where rejection_reason is not null
    union all
{% endfor %}

select
    'pretraining_compute' as rejected_from,
    record_id,
    stated_id as model_id,
    '' as field,
    stated_id as value,
    rejection_reason as reason
from {{ ref('int_pretraining_compute') }}
where rejection_reason is not null
union all
select
    'structure_values' as rejected_from,
    record_id,
    model_id,
    odd_values.odd.json_path as field,
    odd_values.odd.value,
    odd_values.odd.reason
from (
    select
        staged.record_id,
        records.model_id,
        unnest(staged.odd_values) as odd
    from {{ ref('stg_landing__hub_configs') }} as staged
    inner join {{ ref('int_config_records') }} as records using (record_id)
    where records.rejection_reason is null
) as odd_values
union all
select
    'hub_models' as rejected_from,
    record_id,
    model_id,
    '' as field,
    model_id as value,
    'older_listing' as reason
from {{ ref('int_hub_listings_older') }}
union all
select
    'hub_configs' as rejected_from,
    record_id,
    seen_id as model_id,
    '' as field,
    seen_id as value,
    rejection_reason as reason
from {{ ref('int_config_records') }}
where rejection_reason is not null
union all
select
    'column_statistics' as rejected_from,
    record_id,
    model_id,
    field,
    value::varchar as value,
    'impossible_value' as reason
from {{ ref('structure_values') }}
where is_chosen and not is_plausible and field <> 'parameters'
union all
select
    'column_statistics' as rejected_from,
    model_id as record_id,
    model_id,
    'size' as field,
    size::varchar as value,
    'impossible_value' as reason
from {{ ref('model_structures') }}
where list_contains(implausible_fields, 'size')
union all
select
    evaluations.landing_table as rejected_from,
    evaluations.record_id,
    evaluations.model_id,
    scores.benchmark as field,
    scores.score::varchar as value,
    scores.rejection_reason as reason
from {{ ref('int_scores') }} as scores
inner join {{ ref('int_evaluations') }} as evaluations using (leaderboard, evaluation_id)
where scores.rejection_reason is not null
union all
select
    evaluations.landing_table as rejected_from,
    evaluations.record_id,
    evaluations.model_id,
    '' as field,
    evaluations.model_name as value,
    'score_missing' as reason
from {{ ref('int_evaluations') }} as evaluations
anti join {{ ref('int_scores') }} using (leaderboard, evaluation_id)
union all
select
    'benchmark_scores' as rejected_from,
    record_id,
    model_id,
    'model_id' as field,
    model_name as value,
    'no_hub_id' as reason
from {{ ref('int_evaluations') }}
where model_id is null
union all
select
    'benchmark_scores' as rejected_from,
    record_id,
    model_id,
    benchmark as field,
    score::varchar as value,
    'contradicting_record' as reason
from {{ ref('int_scores_compared') }}
where is_set_aside
union all
select
    'structure_performance' as rejected_from,
    model_id as record_id,
    model_id,
    '' as field,
    evaluation_id as value,
    rejection_reason as reason
from {{ ref('int_structure_performance_candidates') }}
where rejection_reason is not null
