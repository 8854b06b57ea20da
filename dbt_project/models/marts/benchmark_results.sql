{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('model_id', or_null=true)},
) }}

select
    scores.leaderboard,
    scores.evaluation_id,
    scores.benchmark,
    evaluations.model_id,
    evaluations.model_name,
    scores.score,
    scores.raw_score,
    evaluations.precision,
    evaluations.weight_type,
    evaluations.model_sha,
    evaluations.training_type,
    evaluations.training_type_source,
    evaluations.symbol as type_symbol,
    evaluations.type_text,
    evaluations.is_flagged,
    scores.is_failed_generation,
    scores.is_contradicted,
    evaluations.is_merged,
    evaluations.evaluated_on,
    evaluations.evidence_rank,
    evaluations.record_id
from {{ ref('int_scores_compared') }} as scores
inner join {{ ref('int_evaluations') }} as evaluations using (leaderboard, evaluation_id)
where scores.rejection_reason is null
