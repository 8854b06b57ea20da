{{ current_results(
    'interval_coverage', ['regressor', 'benchmark', 'feature_set', 'split', 'tier']
) }}
