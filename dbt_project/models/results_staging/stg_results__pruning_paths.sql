{% set scored = path_columns() + ['task', 'split', 'protocol', 'data_sha256'] %}

-- Of a path that was found by different code the steps are not mixed on the same items.
{{ measured_results(
    'pruning_paths',
    scored + ['step', 'healed', 'healing', 'healing_seed', 'code_version'],
    {
        'measure_not_finite': any_not_finite(['before', 'after', 'difference']),
        'measure_out_of_range': 'bool_or(before not between 0 and 100'
        ~ ' or after not between -1e-9 and 100 + 1e-9 or chance not between 0 and 100)',
    },
    scored,
) }}
