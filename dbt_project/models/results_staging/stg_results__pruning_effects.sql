{{ measured_results(
    'pruning_effects',
    [
        'model_id', 'weights_sha256', 'benchmark', 'metric', 'protocol', 'num_fewshot', 'seed',
        '"limit"', 'max_length', 'data_sha256', 'dtype', 'device', 'removed_layers', 'selection',
        'selection_seed',
    ],
    {
        'measure_not_finite': any_not_finite(['before', 'after', 'difference']),
        'measure_out_of_range': 'bool_or(before not between 0 and 100'
        ~ ' or after not between -1e-9 and 100 + 1e-9 or chance not between 0 and 100)',
    },
) }}
