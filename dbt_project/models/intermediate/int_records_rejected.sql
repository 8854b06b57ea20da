{{ config(materialized='ephemeral') }}

-- Of the models that the build changed, and what cannot be told by a model's id.
{% set staged = {
    'hub_models': 'rejected_value',
    'hub_configs': 'rejected_value',
    'open_llm_leaderboard_v1': 'rejected_value',
    'open_llm_leaderboard_v2': 'rejected_value',
    'bigcodebench': 'rejected_value',
    'hub_leaderboards': 'rejected_value',
    'pretraining_compute': 'model_id',
    'hub_removals': 'rejected_value',
} %}

{% for table, value in staged.items() %}
    select
        {{ landing_table(table, 'staged.') }} as rejected_from,
        staged.record_id,
        staged.model_id,
        '' as field,
        staged.{{ value }} as value,
        staged.rejection_reason as reason
    from {{ ref('stg_landing__' ~ table) }} as staged
    {% if table in ['open_llm_leaderboard_v1', 'open_llm_leaderboard_v2', 'bigcodebench'] %}
        {{ not_set_aside('staged', landing_table(table, 'staged.')) }}
    {% endif %}
    where
        staged.rejection_reason is not null
        {{ only_changed('staged.model_id', 'and', or_null=true) if table != 'pretraining_compute' }}
    union all
{% endfor %}

select
    landing_table as rejected_from,
    record_id,
    seen_id as model_id,
    '' as field,
    value,
    rejection_reason as reason
from {{ ref('int_evaluations_set_aside') }}
{{ only_changed('seen_id', or_null=true) }}
union all
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
    where records.rejection_reason is null {{ only_changed('records.model_id', 'and') }}
) as odd_values
union all
select
    'hub_removals' as rejected_from,
    staged.record_id,
    staged.model_id,
    '' as field,
    staged.status as value,
    'no_such_model' as reason
from {{ ref('stg_landing__hub_removals') }} as staged
anti join (
    select record_id from {{ ref('model_history') }}
    where status <> 'listed'
) as kept using (record_id)
where staged.rejection_reason is null {{ only_changed('staged.model_id', 'and') }}
union all
select
    'hub_configs' as rejected_from,
    record_id,
    seen_id as model_id,
    '' as field,
    seen_id as value,
    rejection_reason as reason
from {{ ref('int_config_records') }}
where rejection_reason is not null {{ only_changed('seen_id', 'and') }}
union all
select
    'column_statistics' as rejected_from,
    record_id,
    model_id,
    field,
    value::varchar as value,
    'impossible_value' as reason
from {{ ref('structure_values') }}
where
    is_chosen and not is_plausible and field <> 'parameters' {{ only_changed('model_id', 'and') }}
union all
select
    'column_statistics' as rejected_from,
    model_id as record_id,
    model_id,
    'size' as field,
    size::varchar as value,
    'impossible_value' as reason
from {{ ref('model_structures') }}
where list_contains(implausible_fields, 'size') {{ only_resized('model_id', 'and') }}
union all
select
    'hub_leaderboards' as rejected_from,
    rankings.record_id,
    rankings.model_id,
    '' as field,
    rankings.dataset_id as value,
    'older_ranking' as reason
from {{ ref('stg_landing__hub_leaderboards') }} as rankings
where
    rankings.rejection_reason is null
    and not {{ is_newest_ranking('rankings') }} {{ only_changed('rankings.model_id', 'and') }}
union all
select
    'benchmark_results' as rejected_from,
    evaluation_id as record_id,
    model_id,
    benchmark as field,
    rejected_value as value,
    rejection_reason as reason
from {{ ref('int_hub_results') }}
where rejection_reason is not null {{ only_changed('model_id', 'and') }}
union all
select * from {{ ref('int_scores_rejected') }}
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
