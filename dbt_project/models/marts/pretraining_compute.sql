select
    model_id,
    study_family,
    tokens_trillion,
    compute_zflop,
    source
from {{ ref('stg_landing__pretraining_compute') }}
where rejection_reason is null
qualify row_number() over (partition by model_id order by source, record_id) = 1
