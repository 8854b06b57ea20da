{{ measured_results(
    'layer_gradients',
    [
        'model_id', 'weights_sha256', 'dataset', 'data_sha256', 'sampling', 'step', 'optimizer',
        'learning_rate', 'train_batch_size', 'seed', 'max_length', 'n_samples', 'dtype', 'device',
    ],
    {
        'measure_not_finite': any_not_finite(
            ['nuclear_norm', 'frobenius_norm', 'spectral_norm', 'effective_rank']
        ),
        'measure_out_of_range':
            'bool_or(least(nuclear_norm, frobenius_norm, spectral_norm, effective_rank) < 0)',
        'layers_missing': layers_missing('matrix'),
    },
) }}
