select
    regressor,
    benchmark,
    feature_set,
    split,
    tier,
    feature,
    kind,
    value,
    effect,
    effect_low,
    effect_high,
    n_rows,
    seed,
    is_stale,
    result_key
from {{ ref('stg_results__feature_effects') }}
