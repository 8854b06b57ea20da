select
    {{ record_id() }} as record_id,
    model_type,
    config_class,
    field,
    json_path,
    preference,
    default_value,
    default_text,
    derived_from,
    is_invariant,
    transformers_version
from {{ source('landing', 'config_schema') }}
qualify {{ is_newest_export() }}
