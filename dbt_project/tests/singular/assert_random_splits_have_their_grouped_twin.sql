{{ config(meta={'dagster': {'ref': {'name': 'regression_scores'}}}) }}

-- No R² on a random split may stand alone: copies of one base model leak between its folds.
select one.*
from {{ ref('regression_scores') }} as one
anti join {{ ref('regression_scores') }} as twin
    on
        one.regressor = twin.regressor
        and one.benchmark = twin.benchmark
        and one.feature_set = twin.feature_set
        and one.tier = twin.tier
        and one.split <> twin.split
