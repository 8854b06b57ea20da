{# What tells paths of removals apart; the rows of one path have these in common. #}
{% macro path_columns() %}
    {{ return([
        'model_id', 'weights_sha256', 'dtype', 'device', 'unit', 'calibration',
        'calibration_split', 'calibration_items', 'calibration_seed', 'calibration_sha256', 'criterion',
        'path', 'path_seed', 'beam_width', 'packed', 'method', 'error_rate',
    ]) }}
{% endmacro %}
