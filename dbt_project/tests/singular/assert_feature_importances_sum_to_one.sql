{{ config(meta={'dagster': {'ref': {'name': 'feature_importances'}}}) }}

select
    regressor,
    benchmark,
    feature_set,
    split,
    tier
from {{ ref('feature_importances') }}
where kind = 'impurity'
group by all
having abs(sum(importance) - 1) > 1e-6
union all
select
    regressor,
    target,
    feature_set,
    split,
    tier
from {{ ref('inverse_feature_importances') }}
where kind = 'impurity'
group by all
having abs(sum(importance) - 1) > 1e-6
