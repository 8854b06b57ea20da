select
    md5(
        code_version
        {% for column in path_columns() %}
            || '/' || coalesce({{ column }}::varchar, '')
        {% endfor %}
    ) as path_id,
    model_id,
    path,
    criterion,
    calibration,
    step,
    task,
    split,
    layer,
    removed_layers,
    removal_order,
    before,
    before_low,
    before_high,
    -- A score before and a mean difference may add up to just beyond the bounds.
    greatest(least(after, 100), 0) as after,
    difference,
    difference_low,
    difference_high,
    chance,
    coalesce(before_low, before) <= chance as is_at_chance,
    healed as is_healed,
    path_seed,
    beam_width,
    method,
    error_rate,
    packed as is_packed,
    calibration_split,
    calibration_items,
    calibration_seed,
    calibration_sha256,
    {% for column in ['seed', 'items', 'validation_items', 'steps', 'best_step'] %}
        healing_{{ column }},
    {% endfor %}
    healing_loss_before,
    healing_loss,
    healing,
    n_layers,
    unit,
    n_items,
    protocol,
    dtype,
    device,
    revision,
    weights_format,
    weights_sha256,
    data_sha256,
    torch_version,
    transformers_version,
    lm_eval_version,
    code_version,
    result_key
from {{ ref('stg_results__pruning_paths') }}
where rejection_reason is null
