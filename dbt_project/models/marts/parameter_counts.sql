{{ config(materialized='incremental') }}

select
    counts.model_id,
    counts.component,
    inputs.language_type as config_type,
    counts.parameters,
    counts.active_parameters,
    inputs.assumed_fields
from {{ ref('int_parameter_counts') }} as counts
inner join {{ ref('int_parameter_inputs') }} as inputs using (model_id)
where counts.parameters is not null
