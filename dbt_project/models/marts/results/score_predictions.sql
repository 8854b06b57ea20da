select
    regressor,
    benchmark,
    feature_set,
    split,
    tier,
    model_id,
    structure_group,
    fold,
    score,
    predicted_score,
    seed,
    is_stale,
    result_key
from {{ ref('stg_results__score_predictions') }}
