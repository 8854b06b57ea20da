{{ current_results(
    'regression_gaps', ['regressor', 'benchmark', 'feature_set', 'split', 'tier', 'study'],
    benchmark="if(results.study = 'inverse', 'open_llm_v1', results.benchmark)"
) }}
