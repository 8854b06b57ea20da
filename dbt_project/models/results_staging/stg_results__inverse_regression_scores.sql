{{ current_results(
    'inverse_regression_scores', ['regressor', 'target', 'feature_set', 'split', 'tier'],
    benchmark="'open_llm_v1'"
) }}
