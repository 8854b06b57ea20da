{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('seen_id', or_null=true)},
) }}

-- depends_on: {{ ref('int_changed_keys') }}
-- Records that are whole and do not count: further copies of an evaluation, the flagged one stays;
-- and what is dated in the future, until its day.
{% set dates = {
    'open_llm_leaderboard_v1': ('evaluated_on', 'is_flagged'),
    'open_llm_leaderboard_v2': ('greatest(evaluated_on, uploaded_on)', 'is_flagged'),
    'bigcodebench': ('released_on', 'false'),
} %}

with staged as (

    {% for table, (dated_on, is_flagged) in dates.items() %}
        select
            '{{ table }}' as landing_table,
            record_id,
            evaluation_id,
            model_id as seen_id,
            {{ is_flagged }} as is_flagged,
            {{ dated_on }} as dated_on
        from {{ ref('stg_landing__' ~ table) }}
        where
            rejection_reason is distinct from 'invalid_model_id'
            {{ only_changed('model_id', 'and', or_null=true) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

),

-- Only these need an order.
repeated as (

    select
        landing_table,
        evaluation_id
    from staged
    group by landing_table, evaluation_id
    having count(*) > 1

),

copies as (

    select
        staged.landing_table,
        staged.record_id,
        staged.seen_id,
        left(staged.seen_id, 200) as value
    from staged
    semi join repeated using (landing_table, evaluation_id)
    qualify row_number() over (
        partition by staged.landing_table, staged.evaluation_id
        order by staged.is_flagged desc, staged.record_id
    ) > 1

),

early as (

    select
        landing_table,
        record_id,
        seen_id,
        dated_on::varchar as value
    from staged
    where {{ is_in_the_future('dated_on') }}

)

select
    *,
    'duplicate_record' as rejection_reason
from copies
union all
select
    early.*,
    'from_the_future' as rejection_reason
from early
anti join copies using (landing_table, record_id)
