select
    model_id,
    study_family,
    tokens_trillion,
    compute_zflop,
    source
from {{ ref('int_pretraining_compute') }}
where rejection_reason is null
