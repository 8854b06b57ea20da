-- A class that several types share stands for the type whose name it begins with.
select
    default_text as architecture,
    first(
        model_type
        order by
            preference,
            starts_with(lower(default_text), replace(replace(model_type, '_', ''), '-', '')) desc,
            length(model_type) desc,
            model_type
    ) as model_type
from {{ ref('stg_landing__config_schema') }}
where field = 'architecture' and default_text is not null
group by default_text
union all
-- Classes outside transformers.
select
    architecture,
    model_type
from {{ ref('config_architectures') }}
