-- Text or truth values where numbers belong cast doubt on the whole file, so it is set aside.
select
    record_id,
    any_value(model_id) as model_id,
    min(json_key) as field,
    min_by(left(json_value::varchar, 200), json_key) as rejected_value
from {{ ref('int_config_entries') }}
where rejection_reason = 'wrong_type'
group by record_id
