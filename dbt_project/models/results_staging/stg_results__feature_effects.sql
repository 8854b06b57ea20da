{{ current_results(
    'feature_effects', ['regressor', 'benchmark', 'feature_set', 'split', 'tier', 'kind', 'feature']
) }}
