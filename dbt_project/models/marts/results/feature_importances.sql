select
    regressor,
    benchmark,
    feature_set,
    split,
    tier,
    feature,
    kind,
    importance,
    importance_sd,
    n_folds,
    seed,
    is_stale,
    result_key
from {{ ref('stg_results__feature_importances') }}
