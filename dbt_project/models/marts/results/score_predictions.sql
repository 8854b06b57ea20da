select
    regressor,
    benchmark,
    feature_set,
    split,
    tier,
    model_id,
    structure_group,
    bootstrap_group,
    coalesce(repeat, 0) as repeat,
    coalesce(repeat_seed, seed) as repeat_seed,
    fold,
    score,
    predicted_score,
    baseline_score,
    seed,
    is_stale,
    result_key
from {{ ref('stg_results__score_predictions') }}
