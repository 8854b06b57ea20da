{% set bounds %}
    case criterion
        when 'accuracy' then relevance <= 1 + 1e-9
        when 'cosine' then relevance between -1e-9 and 2 + 1e-9
        when 'output_cosine' then relevance between -1e-9 and 2 + 1e-9
        when 'output_divergence' then relevance between -1e-6 and ln(2) + 1e-6
        when 'output_norm' then relevance >= 0
        when 'taylor' then relevance >= 0
        else true
    end
{% endset %}
{{ measured_results(
    'layer_relevance',
    [
        'model_id', 'weights_sha256', 'task', 'split', 'protocol', 'data_sha256', 'max_length', 'dtype',
        'device', 'unit', 'removed_layers', 'criterion', 'packed', 'method', 'error_rate', 'race_seed',
    ],
    {
        'measure_not_finite': 'bool_or(coalesce(not isfinite(relevance),'
        ~ " not coalesce(criterion = 'accuracy' and score <= chance, false)))",
        'measure_out_of_range': 'bool_or(not (' ~ bounds ~ ') or score not between 0 and 100 + 1e-9'
        ~ ' or score_without not between 0 and 100 + 1e-9 or chance not between 0 and 100)',
        'layers_missing': 'min(layer) < 0 or max(layer) >= any_value(n_layers)'
        ~ ' or count(distinct (layer, criterion)) <> count(*)'
        ~ ' or count(*) <> (any_value(n_layers) - any_value(step)) * count(distinct criterion)'
        ~ " or bool_or(list_contains(string_split(removed_layers, ' '), layer::varchar))",
    },
) }}
