{{ config(meta={'dagster': {'ref': {'name': 'score_predictions'}}}) }}

select
    regressor,
    benchmark,
    feature_set,
    tier,
    structure_group
from {{ ref('score_predictions') }}
where split = 'grouped_structure'
group by all
having count(distinct fold) > 1
