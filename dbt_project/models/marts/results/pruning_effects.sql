select
    model_id,
    removed_layers,
    benchmark,
    metric,
    before,
    -- A score before and a mean difference may add up to just beyond the bounds.
    greatest(least(after, 100), 0) as after,
    difference,
    difference_low,
    difference_high,
    before_low,
    before_high,
    chance,
    -- Where answers are written nobody guesses right.
    case
        when chance is null or before_low is null then before = 0
        else before_low <= chance
    end as is_at_chance,
    selection,
    selection_seed,
    n_removed,
    n_layers,
    n_samples,
    protocol,
    num_fewshot,
    seed,
    "limit" as document_limit,
    max_length,
    n_truncated,
    dtype,
    device,
    revision,
    weights_format,
    weights_sha256,
    data_sha256,
    seconds,
    peak_memory_bytes,
    torch_version,
    transformers_version,
    lm_eval_version,
    code_version,
    result_key
from {{ ref('stg_results__pruning_effects') }}
where rejection_reason is null
