{{ config(meta={'dagster': {'ref': {'name': 'structure_performance'}}}) }}

-- The six scores must be the rows of benchmark_results with the same evaluation_id.
with wide as (

    unpivot (
        select
            evaluation_id,
            {{ var('open_llm_v1_benchmarks') | join(', ') }}
        from {{ ref('structure_performance') }}
    ) on columns(* exclude (evaluation_id)) into name benchmark value score

)

select wide.*
from wide
anti join {{ ref('benchmark_results') }} as results
    on
        wide.evaluation_id = results.evaluation_id
        and wide.benchmark = results.benchmark
        and wide.score = results.score
