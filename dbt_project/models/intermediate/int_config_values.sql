{{ config(materialized='ephemeral') }}

{% set fields = var('structural_fields') | reject('equalto', 'expansion_ratio') | list %}

with records as (

    select configs.* replace (chosen.model_id as model_id)
    from {{ ref('stg_landing__hub_configs') }} as configs
    inner join {{ ref('int_config_records') }} as chosen using (record_id)
    where
        chosen.rejection_reason is null
        {{ only_changed('chosen.model_id', 'and') }}

),

long as (

    select
        record_id,
        model_id,
        source,
        completeness,
        schema_type,
        d_model,
        heads,
        unnest([
            {% for field in fields %}
                {
                    'field': '{{ field }}',
                    'value': {{ field }},
                    'found': {{ field }}_found
                }{{ ',' if not loop.last }}
            {% endfor %}
        ], recursive := true)
    from records

)

select
    long.record_id,
    long.model_id,
    long.source,
    long.completeness,
    long.schema_type,
    long.field,
    long.value,
    case
        -- The llmfit catalogue fills in hidden size / heads where a config has no head_dim.
        when
            long.field = 'head_dim'
            and long.source like 'llmfit-%'
            and long.value = long.d_model // nullif(long.heads, 0)
            then 'derived'
        when long.found = 200 then 'class_default'
        when long.found = 201 then 'derived'
        else 'explicit'
    end as found,
    case
        when long.found < 100 then types.json_paths[long.found]
        when long.found < 200 then general.json_paths[long.found - 100]
    end as json_path
from long
left join {{ ref('int_config_type_fields') }} as types
    on long.schema_type = types.model_type and long.field = types.field
left join {{ ref('int_config_spellings') }} as general
    on long.field = general.field and general.spelling is null
where long.value is not null
