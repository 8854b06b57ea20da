{{ current_results(
    'score_predictions', ['regressor', 'benchmark', 'feature_set', 'split', 'tier'],
    first='repeat > 0'
) }}
