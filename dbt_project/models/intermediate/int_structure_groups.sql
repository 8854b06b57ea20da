with candidates as (

    select
        model_id,
        structure_tier,
        layers,
        d_model,
        heads,
        d_ffn
    from {{ ref('int_structure_performance_candidates') }}
    where rejection_reason is null

)

-- A row without d_ffn could belong to any group of its layers, width and heads. All of them are
-- then one group, so that no copy of a base model stands on both sides of a grouped split.
select
    model_id,
    concat_ws('x', layers, d_model, heads)
    || case
        when
            bool_or(d_ffn is null) over (partition by structure_tier, layers, d_model, heads)
            then 'xany'
        else 'x' || d_ffn
    end as structure_group
from candidates
