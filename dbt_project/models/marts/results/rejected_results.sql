{% set tables = [
    'block_influence', 'pruning_effects', 'layer_gradients', 'layer_relevance', 'pruning_paths',
] %}

with rejected as (

    {% for table in tables %}
        select
            '{{ table }}' as rejected_from,
            landed_batch,
            result_key,
            any_value(model_id) as model_id,
            count(*) as n_rows,
            any_value(rejection_reason) as reason
        from {{ ref('stg_results__' ~ table) }}
        where rejection_reason is not null
        group by all
        {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    rejected.*,
    reasons.meaning,
    reasons.remedy
from rejected
left join {{ ref('rejection_reasons') }} as reasons using (reason)
