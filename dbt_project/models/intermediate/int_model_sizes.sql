select
    sizes.model_id,
    max(sizes.parameters) filter (sizes.is_chosen) / 1e9 as size,
    any_value(sizes.source) filter (sizes.is_chosen) as size_source,
    coalesce(bool_and(sizes.is_plausible) filter (sizes.is_chosen), true) as is_plausible,
    any_value(sizes.computed_parameters) / 1e9 as computed_size,
    -- Of what may be chosen: a quantised repository's total is no parameter count to begin with.
    bool_or(sizes.disagrees) filter (sizes.may_be_chosen) as has_size_conflict
from {{ ref('int_size_values') }} as sizes
group by sizes.model_id
