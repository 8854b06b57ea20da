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
    evaluations.is_flagged,
    evaluations.is_merged,
    evaluations.evaluated_on,
    evaluations.evidence_rank,
    evaluations.record_id
from {{ ref('int_scores') }} as scores
inner join {{ ref('int_evaluations') }} as evaluations using (leaderboard, evaluation_id)
where scores.rejection_reason is null
