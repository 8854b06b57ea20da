{{ current_results(
    'regression_scores', ['regressor', 'benchmark', 'feature_set', 'split', 'tier'],
    first='n_repeats > 1'
) }}
