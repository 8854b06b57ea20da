{{ measured_results(
    'block_influence',
    [
        'model_id', 'weights_sha256', 'benchmark', 'texts_sha256', 'n_texts', 'max_length', 'dtype',
        'device',
    ],
    {
        'measure_not_finite': any_not_finite(['block_influence']),
        'measure_out_of_range': 'bool_or(block_influence not between 0 and 2)',
        'layers_missing': layers_missing(),
    },
) }}
