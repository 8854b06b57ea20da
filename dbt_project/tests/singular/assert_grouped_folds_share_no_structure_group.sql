{{ config(meta={'dagster': {'ref': {'name': 'score_predictions'}}}) }}

select
    regressor,
    benchmark,
    feature_set,
    split,
    tier,
    repeat,
    coalesce(bootstrap_group, structure_group) as held_together
from {{ ref('score_predictions') }}
where split in ('grouped_structure', 'grouped_family')
group by all
having count(distinct fold) > 1
