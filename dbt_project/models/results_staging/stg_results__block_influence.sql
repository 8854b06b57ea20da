with results as (

    select * from {{ source('results', 'block_influence') }}

)

-- The same measurement by newer code replaces the older one.
select
    * exclude (filename, file_row_number, computed_at),
    {{ record_id() }} as record_id
from results
qualify {{ record_id() }} = first({{ record_id() }}) over (
    partition by
        model_id, weights_sha256, benchmark, texts_sha256, n_texts, max_length, dtype, device, layer
    order by computed_at desc, result_key
)
