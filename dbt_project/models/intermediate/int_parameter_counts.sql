{{ config(tags=['work']) }}

-- depends_on: {{ ref('stg_landing__parameter_terms') }}
{% set table = 'stg_landing__parameter_terms' %}
{% set terms = built_rows('staging', table, 'distinct term', 'term is not null') %}

with formulas as (

    select
        counted_types.model_type,
        counted_types.component,
        counted_types.term,
        counted_types.coefficient
    from {{ ref('stg_landing__parameter_terms') }} as counted_types
    where counted_types.term is not null
    union all
    select
        aliases.model_type,
        terms.component,
        terms.term,
        terms.coefficient
    from {{ ref('stg_landing__parameter_terms') }} as terms
    inner join {{ ref('config_type_aliases') }} as aliases on terms.model_type = aliases.same_as
    where
        terms.term is not null
        and aliases.model_type not in (
            select own.model_type from {{ ref('stg_landing__parameter_terms') }} as own
        )

),

counted as (

    select
        inputs.model_id,
        formulas.component,
        formulas.coefficient * case
        {% for row in terms %}
                when formulas.term = {{ literal(row[0]) }} then {{ product(row[0]) }}
            {% endfor %}
            when formulas.term is null then null
        end as parameters,
        -- Of the experts each token passes the active ones only.
        parameters * case
            when formulas.component = 'experts'
                then inputs.active_experts / nullif(inputs.experts, 0)
            else 1
        end as active_parameters
    from {{ ref('int_parameter_inputs') }} as inputs
    inner join formulas on inputs.language_type = formulas.model_type

)

select
    model_id,
    component,
    -- One unknown variable leaves the component unknown.
    case when count(parameters) = count(*) then round(sum(parameters))::bigint end as parameters,
    case when count(active_parameters) = count(*) then round(sum(active_parameters))::bigint end
        as active_parameters
from counted
group by all
