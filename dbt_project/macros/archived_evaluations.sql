{#
Evaluations of the first Open LLM Leaderboard's archive (`open_llm_v1_results`), the scores of each
from its own file: fractions, keyed by `harness|<task>|<shots>`. MMLU is the mean over its 57 subjects;
where one is missing there is none. Python wrote the files, so that NaN may stand in them.
#}
{% macro archived_evaluations() -%}
    {%- set metrics = {
        'arc_challenge': ('arc:challenge|25', 'acc_norm'),
        'hellaswag': ('hellaswag|10', 'acc_norm'),
        'truthfulqa': ('truthfulqa:mc|0', 'mc2'),
        'winogrande': ('winogrande|5', 'acc'),
        'gsm8k': ('gsm8k|5', 'acc'),
    } -%}
    {%- set time = "regexp_replace(evaluated_at, 'T(\\d\\d)-(\\d\\d)-(\\d\\d)', 'T\\1:\\2:\\3')" -%}
    select
        'open_llm_v1_results' as landing_table,
        record_id,
        landed_batch,
        left(md5(row(model_id, precision, revision, evaluated_at, results)::varchar), 16)
            as evaluation_id,
        trim(model_id) as model_id,
        {%- for benchmark, (task, metric) in metrics.items() %}
        100 * try_cast(results ->> '$."harness|{{ task }}".{{ metric }}' as double)
            as {{ benchmark }},
        {%- endfor %}
        case when length(subjects) = 57 then 100 * list_avg(subjects) end as mmlu,
        nullif(replace(precision, 'torch.', ''), '') as precision,
        nullif(revision, '') as model_sha,
        {{ leaderboard_time(time) }} as evaluated_at,
        case
            when not is_json then 'invalid_json'
            when results is null then 'not_an_object'
        end as unreadable
    from (
        select
            *,
            list_filter(
                list_transform(
                    list_filter(
                        list_distinct(json_keys(results)),
                        lambda task: regexp_full_match(task, 'harness\|hendrycksTest-[a-z_]+\|5')
                    ),
                    lambda task: try_cast(results ->> ('$."' || task || '".acc') as double)
                ),
                lambda accuracy: accuracy is not null
            ) as subjects
        from (
            select
                *,
                coalesce(json_valid(file), false) as is_json,
                case when json_type(case when is_json then file end, '$.results') = 'OBJECT'
                    then file::json -> '$.results' end as results
            from (
                select
                    {{ record_id() }} as record_id,
                    {{ landed_batch() }} as landed_batch,
                    * exclude (payload),
                    regexp_replace(payload, '(:\s*)(?:NaN|-?Infinity)\b', '\1null', 'g') as file
                from {{ landed('open_llm_v1_results', is_shared=true) }}
            )
        )
    )
{%- endmacro %}
