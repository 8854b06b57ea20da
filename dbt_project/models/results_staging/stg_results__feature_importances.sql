{{ current_results(
    'feature_importances', ['regressor', 'benchmark', 'feature_set', 'split', 'tier', 'kind'],
    first='n_draws is not null'
) }}
