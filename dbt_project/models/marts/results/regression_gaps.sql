select
    regressor,
    benchmark,
    feature_set,
    split,
    tier,
    study,
    reason,
    seed,
    is_stale,
    result_key
from {{ ref('stg_results__regression_gaps') }}
