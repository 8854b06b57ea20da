select
    model_id,
    benchmark,
    leaderboard,
    score,
    raw_score,
    evaluation_id,
    precision,
    weight_type,
    model_sha,
    training_type,
    training_type_source,
    is_flagged,
    is_failed_generation,
    is_contradicted,
    evaluated_on,
    count(*) over (partition by model_id, benchmark, leaderboard) as n_results
from {{ ref('benchmark_results') }}
where model_id is not null
qualify row_number() over (
    partition by model_id, benchmark, leaderboard
    order by evidence_rank
) = 1
