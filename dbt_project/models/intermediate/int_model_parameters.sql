{{ config(materialized='incremental') }}

-- Counted from the structure; null where a variable is unknown. An assumed tie of input and output
-- embeddings may move the count by no more than a twentieth.
with totals as (

    select
        model_id,
        case when count(parameters) = count(*) then sum(parameters)::bigint end as parameters,
        case when count(active_parameters) = count(*) then sum(active_parameters)::bigint end
            as active_parameters
    from {{ ref('int_parameter_counts') }}
    group by model_id

),

certain as (

    select
        totals.*,
        inputs.language_type,
        inputs.assumed_fields,
        not list_contains(inputs.assumed_fields, 'tie_word_embeddings')
        or inputs.vocab_size * inputs.d_model < 0.05 * totals.parameters as is_certain
    from totals
    inner join {{ ref('int_parameter_inputs') }} as inputs using (model_id)

)

select
    model_id,
    language_type,
    assumed_fields,
    case when is_certain then parameters end as parameters,
    case when is_certain then active_parameters end as active_parameters
from certain
