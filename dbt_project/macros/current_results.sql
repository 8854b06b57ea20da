{#
Of all batches of results for one cell the newest for the current input; where none is, the newest
older one, marked stale. `first` is a condition of rows to take before newer ones. What is given as
`benchmark` says whose input a row is compared with.
#}
{% macro current_results(table, cell, benchmark='results.benchmark', first='false') %}
with results as (

    select
        results.*,
        -- No row of a tier has the hash ''.
        coalesce(results.input_hash <> coalesce(inputs.input_hash, ''), true) as is_stale
    from {{ source('results', table) }} as results
    left join {{ ref('int_regression_inputs') }} as inputs
        on inputs.benchmark = {{ benchmark }} and inputs.tier = results.tier

)

select
    * exclude (filename, file_row_number, computed_at),
    {{ record_id() }} as record_id
from results
qualify result_key = first(result_key) over (
    partition by {{ cell | join(', ') }}
    order by is_stale, ({{ first }}) desc, computed_at desc, result_key
)
{% endmacro %}
