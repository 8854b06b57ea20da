{#
Entries of models' `.eval_results/*.yaml` files as the listing has them (`evalResults`), in rows: each
either bare or as `data` beside the file's name. `error` is what the Hub said of a file that it
refused, or the text of what is no entry.
#}
{% macro eval_results(listed) -%}
    select
        'hub_eval_results' as leaderboard,
        model_id,
        seen_id,
        crawled_at,
        record_id,
        data ->> '$.dataset.id' as dataset_id,
        data ->> '$.dataset.task_id' as task_id,
        null as variant,
        data -> '$.value' as value,
        coalesce(data ->> '$.date', entry ->> '$.date') as date_text,
        coalesce(try_cast(entry ->> '$.verified' as boolean), false) as is_verified,
        entry ->> '$.pullRequest' as pull_request,
        data ->> '$.source.name' as source_name,
        data ->> '$.source.url' as source_url,
        data ->> '$.notes' as notes,
        entry ->> '$.filename' as filename,
        coalesce(entry ->> '$.error', {{ unlike_an_object('entry') }}) as error
    from (
        select
            *,
            coalesce(entry -> '$.data', entry) as data
        from (
            select
                * exclude (eval_results, model_index),
                unnest(try_cast(eval_results as json [])) as entry
            from {{ listed }}
        )
    )
{%- endmacro %}

{#
Metrics of models' cards as the listing has them (`model-index`), in rows. The dataset stands under
its type, else its name; `variant` is its config, which tells some benchmarks apart. `error` is the
text of what holds no metric.
#}
{% macro model_index_results(listed) -%}
    select
        'model_index' as leaderboard,
        model_id,
        seen_id,
        crawled_at,
        record_id,
        coalesce(result ->> '$.dataset.type', result ->> '$.dataset.name') as dataset_id,
        metric ->> '$.type' as task_id,
        result ->> '$.dataset.config' as variant,
        metric -> '$.value' as value,
        coalesce(try_cast(metric ->> '$.verified' as boolean), false) as is_verified,
        result ->> '$.source.name' as source_name,
        result ->> '$.source.url' as source_url,
        result ->> '$.dataset.name' as notes,
        result ->> '$.dataset.split' as filename,
        if(
            {{ unlike_an_object('metric') }} is null,
            null,
            coalesce(metric, result, part)::varchar
        ) as error
    from (
        select
            *,
            unnest({{ parts_of('result', 'metrics') }}) as metric
        from (
            select
                *,
                unnest({{ parts_of('part', 'results') }}) as result
            from (
                select
                    * exclude (eval_results, model_index),
                    unnest(try_cast(model_index as json [])) as part
                from {{ listed }}
            )
        )
    )
{%- endmacro %}

{# The items of a list; one null where there is none, so that what holds it is not lost. #}
{% macro parts_of(whole, key) -%}
    coalesce(nullif(try_cast({{ whole }} -> '$.{{ key }}' as json []), []), [null::json])
{%- endmacro %}

{# The text of a JSON value that is no object; null for an object. #}
{% macro unlike_an_object(value) -%}
    if(coalesce(json_type({{ value }}), '') = 'OBJECT', null, coalesce({{ value }}::varchar, 'null'))
{%- endmacro %}
