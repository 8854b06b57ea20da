{{ current_results(
    'inverse_feature_importances', ['regressor', 'target', 'feature_set', 'split', 'tier', 'kind'],
    benchmark="'open_llm_v1'", first='n_draws is not null'
) }}
