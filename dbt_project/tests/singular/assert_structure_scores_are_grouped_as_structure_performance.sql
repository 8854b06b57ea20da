{{ config(meta={'dagster': {'ref': {'name': 'structure_scores'}}}) }}

-- Both marts group models alike, and hold the same models.
select
    model_id,
    one.structure_group,
    other.structure_group as other_group
from (
    select distinct
        model_id,
        structure_tier,
        structure_group
    from {{ ref('structure_scores') }}
    where leaderboard = 'open_llm_v1'
) as one
full join {{ ref('structure_performance') }} as other using (model_id, structure_tier)
where one.structure_group is distinct from other.structure_group
