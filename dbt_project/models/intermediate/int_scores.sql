{{ config(materialized='ephemeral') }}

{% set splits = {
    'bigcodebench_complete': "case when split = 'full' then complete end",
    'bigcodebench_instruct': "case when split = 'full' then instruct end",
    'bigcodebench_hard_complete': "case when split = 'hard' then complete end",
    'bigcodebench_hard_instruct': "case when split = 'hard' then instruct end",
} %}
{% set boards = {
    'open_llm_v1': ('open_llm_leaderboard_v1', score_rows(var('open_llm_v1_benchmarks'))),
    'open_llm_v2': ('open_llm_leaderboard_v2', score_rows(var('open_llm_v2_benchmarks'), raw='_raw')),
    'bigcodebench': ('bigcodebench', score_rows(splits.keys(), splits)),
} %}

with scores as (

    {% for leaderboard, (table, rows) in boards.items() %}
        select
            '{{ leaderboard }}' as leaderboard,
            {{ landing_table(table) }} as landing_table,
            record_id,
            evaluation_id,
            {{ rows }}
        from {{ ref('stg_landing__' ~ table) }}
        where rejection_reason is null {{ only_changed('model_id', 'and', or_null=true) }}
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    scores.leaderboard,
    scores.evaluation_id,
    scores.benchmark,
    scores.score,
    scores.raw_score,
    case
        when not scores.score between 0 and 100 or not scores.raw_score between 0 and 100
            then 'score_out_of_range'
    end as rejection_reason
from scores
{{ not_set_aside('scores') }}
where scores.score is not null
