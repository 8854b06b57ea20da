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
        and twin.split in ('grouped_structure', 'grouped_family')
-- Where groups are too few for a split, regression_gaps says so.
anti join {{ ref('regression_gaps') }} as gap
    on
        one.regressor = gap.regressor
        and one.benchmark = gap.benchmark
        and one.feature_set = gap.feature_set
        and one.tier = gap.tier
        and gap.split in ('grouped_structure', 'grouped_family')
where one.split = 'random'
