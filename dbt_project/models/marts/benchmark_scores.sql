{{ config(materialized='incremental') }}

with results as (

    select * from {{ ref('benchmark_results') }}
    where model_id is not null {{ only_changed('model_id', 'and') }}

),

-- Only these need an order.
repeated as (

    select distinct
        model_id,
        leaderboard
    from results
    where evidence_rank > 1

),

best as (

    select
        results.*,
        1 as n_results
    from results
    anti join repeated using (model_id, leaderboard)
    union all
    select
        results.*,
        count(*) over one_score as n_results
    from results
    semi join repeated using (model_id, leaderboard)
    window
        one_score as (partition by results.model_id, results.benchmark, results.leaderboard)
    qualify results.evidence_rank = min(results.evidence_rank) over one_score

)

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
    is_mapped,
    dataset_id,
    task_id,
    status,
    notes,
    source_name,
    source_url,
    evaluated_on,
    n_results::bigint as n_results
from best
