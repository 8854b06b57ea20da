select
    model_id,
    task,
    criterion,
    step,
    layer,
    relevance,
    -- As the program chooses: layers that left a race, or were not measured again, come last.
    case
        when relevance is not null then row_number() over (
            partition by result_key, criterion
            order by n_scored desc, relevance, tie, layer desc
        )
    end as relevance_rank,
    case when relevance is null then 'not_above_chance' end as undefined_because,
    -- Means of shares may come out just above.
    least(score, 100) as score,
    least(score_without, 100) as score_without,
    chance,
    tie,
    removed_layers,
    split,
    method,
    error_rate,
    race_seed,
    packed as is_packed,
    n_scored,
    n_items,
    item_limit,
    item_seed,
    n_truncated,
    max_length,
    protocol,
    n_layers,
    unit,
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
from {{ ref('stg_results__layer_relevance') }}
where rejection_reason is null
