{{ config(
    materialized='incremental',
    meta={'replaces': is_changed('model_id', or_null=true)},
) }}

with of_leaderboards as (

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
        evaluations.record_id,
        true as is_mapped
    from {{ ref('int_scores_compared') }} as scores
    inner join {{ ref('int_evaluations') }} as evaluations using (leaderboard, evaluation_id)
    where scores.rejection_reason is null

),

of_the_hub as (

    select
        results.leaderboard,
        results.evaluation_id,
        results.benchmark,
        results.model_id,
        results.seen_id as model_name,
        results.score,
        false as is_flagged,
        false as is_failed_generation,
        max(results.score) over one_setup - min(results.score) over one_setup > 0.01
            as is_contradicted,
        results.evaluated_on,
        -- Best evidence first: verified, then of the repository itself; without tools; latest; then
        -- the lower score, so that none is overrated.
        row_number() over (
            partition by results.model_id, results.leaderboard, results.benchmark
            order by
                by_status.rank,
                coalesce(by_notes.rank, 1),
                results.evaluated_on desc nulls last,
                results.score,
                results.evaluation_id
        ) as evidence_rank,
        results.record_id,
        results.is_mapped,
        results.dataset_id,
        results.task_id,
        results.status,
        results.notes,
        results.source_name,
        results.source_url
    from {{ ref('int_hub_results') }} as results
    left join {{ ref('evaluation_preference') }} as by_status
        on by_status.attribute = 'status' and results.status = by_status.value
    left join {{ ref('evaluation_preference') }} as by_notes
        on by_notes.attribute = 'notes' and lower(trim(results.notes)) = by_notes.value
    where results.rejection_reason is null {{ only_changed('results.model_id', 'and') }}
    window
        one_setup as (
            partition by
                results.model_id,
                results.leaderboard,
                results.benchmark,
                lower(trim(results.notes))
        )

),

final as (

    select * from of_leaderboards
    union all by name
    select * from of_the_hub

)

select * from final
