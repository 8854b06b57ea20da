select
    {{ record_id() }} as record_id,
    model_type,
    component,
    term,
    coefficient,
    n_probes,
    max_relative_error,
    failure,
    transformers_version
from {{ source('landing', 'parameter_terms') }}
qualify {{ is_newest_export() }}
