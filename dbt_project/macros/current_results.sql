{#
Of all batches of results for one cell the newest for the current input; where none is, the newest
older one, marked stale.
#}
{% macro current_results(table, cell) %}
with results as (

    select
        results.*,
        coalesce(results.input_hash <> inputs.input_hash, true) as is_stale
    from {{ source('results', table) }} as results
    left join {{ ref('int_regression_inputs') }} as inputs using (tier)

)

select
    * exclude (filename, file_row_number, computed_at),
    {{ record_id() }} as record_id
from results
qualify result_key = first(result_key) over (
    partition by {{ cell | join(', ') }}
    order by is_stale, computed_at desc, result_key
)
{% endmacro %}
