select distinct
    field,
    spelling,
    json_paths,
    scale
from {{ ref('int_config_type_fields') }}
where spelling is not null
union all
select
    field,
    null as spelling,
    list(json_path order by preference) as json_paths,
    1.0 as scale
from {{ ref('config_fields') }}
where model_type is null and field in {{ sql_list(var('structural_fields')) }}
group by field
