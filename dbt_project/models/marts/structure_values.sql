select
    model_id,
    field,
    source,
    value,
    found,
    json_key,
    completeness,
    trust,
    is_plausible,
    is_chosen,
    has_conflict,
    record_id
from {{ ref('int_structure_values_ranked') }}
