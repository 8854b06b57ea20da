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
            {{ landing_table(table) }} as landing_table,
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

-- The archive holds what the final table was made of.
archived as (

    select * from {{ ref('stg_landing__open_llm_leaderboard_v1') }}
    where
        landing_table = 'open_llm_v1_results' and rejection_reason is null
        {{ only_changed('model_id', 'and') }}

),

tabulated as (

    select
        archived.landing_table,
        archived.record_id,
        archived.model_id as seen_id,
        archived.model_id as value
    from archived
    inner join {{ ref('stg_landing__open_llm_leaderboard_v1') }} as final_table
        on
            final_table.landing_table = 'open_llm_leaderboard_v1'
            and lower(archived.model_id) = lower(final_table.model_id)
            and coalesce(archived.precision, '') = coalesce(final_table.precision, '')
            and coalesce(archived.model_sha, '') = coalesce(final_table.model_sha, '')
            and abs(archived.mean_score - final_table.mean_score) <= 0.01

),

superseded as (

    select
        landing_table,
        record_id,
        model_id as seen_id,
        evaluated_at::varchar as value
    from archived
    qualify row_number() over (
        partition by model_id, precision, model_sha
        order by evaluated_at desc nulls last, record_id
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

),

reasons as (

    select
        *,
        1 as preference,
        'duplicate_record' as rejection_reason
    from copies
    union all
    select
        *,
        2 as preference,
        'duplicate_record' as rejection_reason
    from tabulated
    union all
    select
        *,
        3 as preference,
        'older_evaluation' as rejection_reason
    from superseded
    union all
    select
        *,
        4 as preference,
        'from_the_future' as rejection_reason
    from early

)

select * exclude (preference)
from reasons
qualify row_number() over (partition by landing_table, record_id order by preference) = 1
