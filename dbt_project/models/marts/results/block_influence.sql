select
    model_id,
    benchmark,
    layer,
    block_influence,
    n_layers,
    n_texts,
    n_tokens,
    max_length,
    dtype,
    device,
    revision,
    weights_format,
    weights_sha256,
    texts_sha256,
    torch_version,
    transformers_version,
    code_version,
    result_key
from {{ ref('stg_results__block_influence') }}
where rejection_reason is null
